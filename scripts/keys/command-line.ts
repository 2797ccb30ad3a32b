import { parseArgs } from 'node:util';
import { UsageError } from '../cli.ts';

export const HELP = `Accounts and keys from a terminal.

  npm run keys -- create --user ID [--name TEXT] [--permissions read,write,admin] [--tier TIER]
                         [--rate-limit N] [--expires DATE] [--resume true|false] [--privacy true|false]
  npm run keys -- list [--user ID]
  npm run keys -- set KEY_ID [--name TEXT] [--permissions …] [--tier TIER] [--rate-limit N] [--expires DATE]
                         [--resume true|false] [--privacy true|false]
  npm run keys -- rotate KEY_ID [--overlap SECONDS]     the old key works on for a day if not said otherwise
  npm run keys -- revoke KEY_ID
  npm run keys -- limits --user ID [--tier TIER] [--requests-per-minute N] [--tokens-per-minute N]
                         [--concurrent-requests N] [--requests-per-month N] [--tokens-per-month N]
                         [--budget-day DOLLARS] [--budget-month DOLLARS]
  npm run keys -- bootstrap --env staging|production [--user ID]     the first admin key of a deployed system

A limit of 'none' is taken away. With --resume, streams that break are continued on another model; with --privacy, analytics are told lengths instead of content. The account of a new key is created if it is not there.

  --url URL     the system: http://127.0.0.1:8787, where npm start answers, if not said otherwise
  --json        JSON for programs, instead of tables
  --help        this

  ADMIN_KEY     in the environment: a key with the permission 'admin' of the system that --url names.`;

const LIMITS = [
  'requests-per-minute',
  'tokens-per-minute',
  'concurrent-requests',
  'requests-per-month',
  'tokens-per-month',
  'budget-day',
  'budget-month',
] as const;
const KEY_FIELDS = ['name', 'permissions', 'tier', 'rate-limit', 'expires', 'resume', 'privacy'] as const;
const COMMON = ['url', 'json', 'help'] as const;

/** What each command takes, whether it needs a key's id, and what it cannot do without. */
const COMMANDS = {
  create: { takes: ['user', ...KEY_FIELDS], id: false, needs: ['user'] },
  list: { takes: ['user'], id: false, needs: [] },
  set: { takes: [...KEY_FIELDS], id: true, needs: [] },
  rotate: { takes: ['overlap'], id: true, needs: [] },
  revoke: { takes: [], id: true, needs: [] },
  limits: { takes: ['user', 'tier', ...LIMITS], id: false, needs: ['user'] },
  bootstrap: { takes: ['env', 'user'], id: false, needs: ['env'] },
} as const satisfies Record<string, { takes: readonly Option[]; id: boolean; needs: readonly Option[] }>;

type Option = (typeof KEY_FIELDS)[number] | (typeof LIMITS)[number] | 'user' | 'overlap' | 'env';
type Options = Partial<Record<Option | 'url', string>> & { json: boolean };

/** @throws UsageError of one line. */
export function parseCommand(args: readonly string[]): {
  command: keyof typeof COMMANDS | 'help';
  id: string;
  options: Options;
} {
  const { values, positionals } = parse(args);
  const [command = 'help', id = '', ...rest] = positionals;
  const options: Options = { json: false, ...values };
  if (values.help || command === 'help') return { command: 'help', id, options };
  if (!isCommand(command)) throw new UsageError(`There is no command '${command}'.`);
  const { takes, id: needsId, needs } = COMMANDS[command];
  const known: readonly string[] = [...takes, ...COMMON];
  const stray = Object.keys(values).find((name) => !known.includes(name));
  if (stray) throw new UsageError(`'${command}' does not take --${stray}.`);
  if (needsId && id === '') throw new UsageError(`'${command}' needs the id of a key, as 'list' shows it.`);
  if (rest.length > 0 || (!needsId && id !== '')) throw new UsageError(`'${rest[0] ?? id}' is one word too many.`);
  const missing = needs.find((name) => !values[name]);
  if (missing) throw new UsageError(`'${command}' needs --${missing}.`);
  return { command, id: encodeURIComponent(id), options };
}

function parse(args: readonly string[]) {
  const text = [...KEY_FIELDS, ...LIMITS, 'user', 'overlap', 'env', 'url'] as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...(Object.fromEntries(text.map((name) => [name, { type: 'string' }])) as Record<
          (typeof text)[number],
          { type: 'string' }
        >),
        json: { type: 'boolean' },
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
