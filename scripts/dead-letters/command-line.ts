import { parseArgs } from 'node:util';
import { UsageError } from '../cli.ts';

export const HELP = `Dead letters from a terminal: messages that could not be used, and what is not billed for them.

  npm run dead-letters -- list [--state stuck|replayed|discarded] [FILTERS]     the oldest first
  npm run dead-letters -- show ID                                               with the message's body
  npm run dead-letters -- replay  ID… | --all [FILTERS] [--dry-run] [--yes]     back to the queue that they came from
  npm run dead-letters -- discard ID… | --all [FILTERS] [--dry-run] [--yes]     kept, and no longer stuck

A request is billed once however often it is replayed. With --all only those are meant that are stuck: how many, and what is not billed for them, is shown, and then asked on a terminal, and needs --yes elsewhere. The exit code is 1 if anything was not replayed or discarded.

  --queue TEXT        a part of the queue's name, such as usage
  --reason TEXT       a part of the reason
  --request ID        of this request
  --from, --to DATE   sent then or later, sent before: ISO dates (midnight UTC) or instants
  --after ID          with --all: those behind this one, where a run that failed has come to
  --dry-run           nothing is done: what would happen to each
  --yes               without a question
  --url URL           the system: http://127.0.0.1:8787, where npm start answers, if not said otherwise
  --json              JSON for programs, instead of tables
  --help              this

  ADMIN_KEY           in the environment: a key with the permission 'admin' of the system that --url names.`;

const FILTERS = ['queue', 'reason', 'request', 'from', 'to'] as const;
const COMMON = ['url', 'json', 'help'] as const;
const CHANGE = ['all', 'after', 'dry-run', 'yes', ...FILTERS] as const;

/** What each command takes. */
const COMMANDS = {
  list: ['state', ...FILTERS],
  show: [],
  replay: CHANGE,
  discard: CHANGE,
} as const;

/** Which dead letters: as the Admin API takes it. */
export interface Filter {
  queue?: string;
  reason?: string;
  request_id?: string;
  from?: string;
  to?: string;
}

export interface Command {
  command: keyof typeof COMMANDS | 'help';
  ids: string[];
  filter: Filter;
  state: string;
  /** Id of the letter behind which those of the filter are meant; '': all of them. */
  after: string;
  dryRun: boolean;
  /** Whether nobody need be asked. */
  yes: boolean;
  url: string | undefined;
  json: boolean;
}

/** @throws UsageError of one line. */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  const [command = 'help', ...ids] = positionals;
  const { queue, reason, request: request_id, from, to } = values;
  const parsed = {
    ids,
    filter: Object.fromEntries(
      Object.entries({ queue, reason, request_id, from, to }).filter(([, value]) => value !== undefined),
    ) as Filter,
    state: values.state ?? 'stuck',
    after: values.after ?? '',
    dryRun: values['dry-run'] ?? false,
    yes: values.yes ?? false,
    url: values.url,
    json: values.json ?? false,
  };
  if (values.help || command === 'help') return { command: 'help', ...parsed };
  if (!isCommand(command)) throw new UsageError(`There is no command '${command}'.`);
  const known: readonly string[] = [...COMMANDS[command], ...COMMON];
  const stray = Object.keys(values).find((name) => !known.includes(name));
  if (stray) throw new UsageError(`'${command}' does not take --${stray}.`);
  const empty = FILTERS.find((name) => values[name] === '');
  if (empty) throw new UsageError(`--${empty} must not be empty.`);
  if (command === 'list' && ids.length > 0) throw new UsageError(`'${ids[0]}' is one word too many.`);
  if (command === 'show' && ids.length !== 1) throw new UsageError("'show' needs the id of one, as 'list' shows it.");
  if (command === 'replay' || command === 'discard') {
    if (Boolean(values.all) === ids.length > 0) throw new UsageError(`'${command}' needs ids, or --all.`);
    const filtered = Object.keys(parsed.filter).length > 0 || parsed.after !== '';
    if (filtered && !values.all) throw new UsageError('Filters and --after belong to --all.');
  }
  return { command, ...parsed };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...{ queue: text, reason: text, request: text, from: text, to: text, state: text },
        ...{ after: text, url: text },
        ...{ all: flag, yes: flag, 'dry-run': flag, json: flag },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function isCommand(name: string): name is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, name);
}
