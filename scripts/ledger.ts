import { parseArgs } from 'node:util';
import { nanoToUsd } from '../shared/money.ts';
import { AdminApi } from './admin-api.ts';
import { run, UsageError } from './cli.ts';
import { progress } from './progress.ts';
import { type Column, table } from './table.ts';

const HELP = `The archives of the ledger: rows that were moved to R2 after LEDGER_RETENTION_DAYS.

  npm run ledger -- archives [--request ID]     all of them, or those that may hold a request's rows
  npm run ledger -- restore OBJECT…             their rows come back into the database for a week; again prolongs that

  --url URL     the system: http://127.0.0.1:8787, where npm start answers, if not said otherwise
  --json        JSON for programs, instead of tables
  --help        this

  ADMIN_KEY     in the environment: a key with the permission 'admin' of the system that --url names.`;

/** An archive as the Admin API shows it. */
interface Archive {
  id: string;
  state: string;
  rows: number;
  cost_nano_usd: number;
  archived_at: number;
  restored_until: number | null;
}

/** `npm run ledger`: archives of the ledger from a terminal, through the Admin API of a local or deployed system. */
async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args);
  const [command = 'help', ...objects] = positionals;
  if (values.help || command === 'help') return console.log(HELP);
  const show = (archives: Archive[]) => console.log(values.json ? JSON.stringify(archives) : archiveTable(archives));
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
      const bar = progress('restore', objects.length);
      try {
        for (const object of objects) {
          const path = `/admin/ledger-archives/${encodeURIComponent(object)}/restore`;
          restored.push(await api.send<Archive>('POST', path, {}));
          bar.advance(1);
        }
      } catch (error) {
        bar.end();
        if (restored.length > 0) show(restored);
        throw new Error(`${(error as Error).message}\nNot restored: ${objects.slice(restored.length).join(' ')}`);
      }
      bar.end();
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
        url: { type: 'string' },
        request: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const COLUMNS: readonly Column<Archive>[] = [
  ['rows', ({ rows }) => String(rows)],
  ['cost', ({ cost_nano_usd }) => `$${nanoToUsd(cost_nano_usd)}`],
  ['archived', ({ archived_at }) => date(archived_at)],
  ['state', ({ state, restored_until: until }) => (until === null ? state : `${state} until ${date(until)}`)],
  ['object', ({ id }) => id],
];

function archiveTable(archives: readonly Archive[]): string {
  return archives.length === 0 ? 'no archives' : table(COLUMNS, archives);
}

function date(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

await run('npm run ledger', main);
