import { parseArgs } from 'node:util';
import { nanoToUsd } from '../shared/money.ts';
import { AdminApi } from './admin-api.ts';

const HELP = `The archives of the ledger: rows that were moved to R2 after LEDGER_RETENTION_DAYS.

  npm run ledger -- archives [--request ID]     all of them, or those that may hold a request's rows
  npm run ledger -- restore OBJECT…             their rows come back into the database for a week; again prolongs that

  --url URL     the system: http://127.0.0.1:8787, where npm start answers, if not said otherwise
  --json        JSON for programs, instead of tables
  --help        this

  ADMIN_KEY     in the environment: a key with the permission 'admin'. Not needed for npm start's system.`;

/** An archive as the Admin API shows it. */
interface Archive {
  id: string;
  state: string;
  rows: number;
  cost_nano_usd: number;
  archived_at: number;
  restored_until: number | null;
}

/** A command line that cannot be understood. */
class UsageError extends Error {}

/** `npm run ledger`: archives of the ledger from a terminal, through the Admin API of a local or deployed system. */
async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args);
  const [command = 'help', ...objects] = positionals;
  if (values.help || command === 'help') return console.log(HELP);
  const show = (archives: Archive[]) => console.log(values.json ? JSON.stringify(archives) : table(archives));
  const api = new AdminApi(values.url, process.env.ADMIN_KEY);
  switch (command) {
    case 'archives': {
      if (objects[0] !== undefined) throw new UsageError(`'${objects[0]}' is one word too many.`);
      const query = values.request === undefined ? '' : `request_id=${encodeURIComponent(values.request)}`;
      return show(await api.all<Archive>(`/admin/ledger-archives?${query}`));
    }
    case 'restore': {
      if (objects.length === 0)
        throw new UsageError(`'restore' needs the objects of archives, as 'archives' shows them.`);
      if (values.request !== undefined) throw new UsageError(`'restore' does not take --request.`);
      const restored: Archive[] = [];
      for (const [n, object] of objects.entries()) {
        const path = `/admin/ledger-archives/${encodeURIComponent(object)}/restore`;
        restored.push(await api.send<Archive>('POST', path, {}));
        if (!values.json) console.error(`restored ${n + 1} of ${objects.length}: ${object}`);
      }
      return show(restored);
    }
    default:
      throw new UsageError(`There is no command '${command}'.`);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: 'string', default: 'http://127.0.0.1:8787' },
        request: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function table(archives: readonly Archive[]): string {
  if (archives.length === 0) return 'no archives';
  const lines = archives.map(({ id, state, rows, cost_nano_usd, archived_at, restored_until }) => {
    const until = restored_until === null ? state : `${state} until ${date(restored_until)}`;
    return [
      String(rows).padStart(6),
      `$${nanoToUsd(cost_nano_usd)}`.padStart(16),
      date(archived_at),
      until.padEnd(25),
      id,
    ];
  });
  return [['  rows', '            cost', 'archived  ', 'state'.padEnd(25), 'object'], ...lines]
    .map((cells) => cells.join('  '))
    .join('\n');
}

function date(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  if (error instanceof UsageError) console.error('See npm run ledger -- --help');
  process.exitCode = 1;
});
