import { parseArgs } from 'node:util';
import { UsageError } from '../cli.ts';

export const HELP = `Dead letters from a terminal: messages that could not be used, and what is not billed for them.

  npm run dead-letters -- list [--state stuck|replayed|discarded] [FILTERS]     the oldest first
  npm run dead-letters -- show ID                                               with the message's body
  npm run dead-letters -- replay  ID… | --all [FILTERS] [--dry-run]             back to the queue that they came from
  npm run dead-letters -- discard ID… | --all [FILTERS] [--dry-run] [--yes]     kept, and no longer stuck

A request is billed once however often it is replayed. With --all only those are meant that are stuck; --all without a filter discards only with --yes. The exit code is 1 if anything was not replayed or discarded.

  --queue TEXT        a part of the queue's name, such as usage
  --reason TEXT       a part of the reason
  --request ID        of this request
  --from, --to DATE   sent then or later, sent before: ISO dates (midnight UTC) or instants
  --dry-run           nothing is done: what would happen to each
  --url URL           the system: http://127.0.0.1:8787, where npm start answers, if not said otherwise
  --json              JSON for programs, instead of tables
  --help              this

  ADMIN_KEY           in the environment: a key with the permission 'admin'. Not needed for npm start's system.`;

const FILTERS = ['queue', 'reason', 'request', 'from', 'to'] as const;
const COMMON = ['url', 'json', 'help'] as const;
const CHANGE = ['all', 'dry-run', ...FILTERS] as const;

/** What each command takes. */
const COMMANDS = {
  list: ['state', ...FILTERS],
  show: [],
  replay: CHANGE,
  discard: [...CHANGE, 'yes'],
} as const;

/** Which dead letters: as the Admin API takes it. */
interface Filter {
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
  dryRun: boolean;
  url: string;
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
    dryRun: values['dry-run'] ?? false,
    url: values.url ?? 'http://127.0.0.1:8787',
    json: values.json ?? false,
  };
  if (values.help || command === 'help') return { command: 'help', ...parsed };
  if (!isCommand(command)) throw new UsageError(`There is no command '${command}'.`);
  const known: readonly string[] = [...COMMANDS[command], ...COMMON];
  const stray = Object.keys(values).find((name) => !known.includes(name));
  if (stray) throw new UsageError(`'${command}' does not take --${stray}.`);
  if (command === 'list' && ids.length > 0) throw new UsageError(`'${ids[0]}' is one word too many.`);
  if (command === 'show' && ids.length !== 1) throw new UsageError("'show' needs the id of one, as 'list' shows it.");
  if (command === 'replay' || command === 'discard') {
    const filtered = Object.keys(parsed.filter).length > 0;
    if (Boolean(values.all) === ids.length > 0) throw new UsageError(`'${command}' needs ids, or --all.`);
    if (filtered && !values.all) throw new UsageError('Filters belong to --all.');
    if (command === 'discard' && values.all && !filtered && !values.yes && !values['dry-run'])
      throw new UsageError('To discard whatever is stuck, without a filter, needs --yes.');
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
        ...{ queue: text, reason: text, request: text, from: text, to: text, state: text, url: text },
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
