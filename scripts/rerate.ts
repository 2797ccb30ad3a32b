import { parseArgs } from 'node:util';
import { nanoToUsd } from '../shared/money.ts';
import { AdminApi } from './admin-api.ts';
import { agreed, onTerminal, run, UsageError } from './cli.ts';
import { progress } from './progress.ts';
import { type Column, table } from './table.ts';

const HELP = `Gives requests of a period that the upstream did not price the prices that the price book has for their time by now.

  npm run rerate -- --from DATE --to DATE [--apply]

The difference is shown first; it is written with --apply, or, on a terminal, after a yes. Doing it again changes nothing more. What the upstream has said stays as it is, and so does what is archived: restore it before, if it is meant (npm run ledger).

  --from, --to DATE   of requests that arrived then or later, and before: ISO dates (midnight UTC) or instants
  --apply             write it, as corrections in the ledger
  --after NEXT        go on where a run that failed has come to
  --url URL           the system: http://127.0.0.1:8787, where npm start answers, if not said otherwise
  --json              JSON for programs, instead of tables
  --help              this

  ADMIN_KEY           in the environment: a key with the permission 'admin' of the system that --url names.`;

/** What some attempts cost and would cost. Nano-dollars. */
interface Sums {
  attempts: number;
  changed: number;
  without_price: number;
  before_nano_usd: number;
  after_nano_usd: number;
  difference_nano_usd: number;
}
type OfModel = Sums & { model: string };

/** What re-rating a period changes, or did change. */
interface Rerating extends Sums {
  from: string;
  to: string;
  models: OfModel[];
  archives: number;
}
type Page = Rerating & { next: string | null };

const SUMS = [
  'attempts',
  'changed',
  'without_price',
  'before_nano_usd',
  'after_nano_usd',
  'difference_nano_usd',
] as const satisfies readonly (keyof Sums)[];

/** `npm run rerate`: the difference that the price book's present prices make, and corrections by it. */
async function main(args: readonly string[]): Promise<void> {
  const { from, to, ...options } = parse(args);
  if (options.help) return console.log(HELP);
  if (from === undefined || to === undefined) throw new UsageError('Say which period: --from DATE --to DATE.');
  const api = new AdminApi(options.url, process.env.ADMIN_KEY);

  const period = { from, to, after: options.after };
  const planned = await rerate(api, { ...period, dry_run: true });
  if (!options.json) console.log(shown(planned));
  const write = planned.changed > 0 && (options.apply || (!options.json && (await isMeant(planned))));
  if (!write) {
    if (options.json) console.log(JSON.stringify({ applied: false, ...planned }));
    else if (planned.changed > 0) console.log('nothing was written: --apply writes it');
    return;
  }
  const tell = (written: Rerating) =>
    console.log(options.json ? JSON.stringify({ applied: true, ...written }) : `written: ${changesOf(written)}`);
  try {
    tell(await rerate(api, { ...period, dry_run: false }, planned.attempts));
  } catch (error) {
    if (error instanceof Interrupted) tell(error.written);
    throw error;
  }
}

/** A failure after some corrections were written. */
class Interrupted extends Error {
  readonly written: Rerating;

  /** @param after where the rest begins. */
  constructor({ message }: Error, written: Rerating, after: string) {
    super(
      `${message}\nThe run ended there, after ${written.attempts} attempts. The rest: the same with --after ${after}`,
    );
    this.written = written;
  }
}

/**
 * All pages of a period, from one on.
 *
 * @throws Interrupted where some were written.
 */
async function rerate(
  api: AdminApi,
  { after: begin, ...period }: { from: string; to: string; after: string; dry_run: boolean },
  total = 0,
): Promise<Rerating> {
  const pages: Page[] = [];
  // How much there is to do is known only once it has been looked at.
  const bar = period.dry_run ? null : progress('re-rate', total);
  let after = begin;
  try {
    for (;;) {
      const page = await api.send<Page>('POST', '/admin/rerate', { ...period, after });
      pages.push(page);
      bar?.advance(page.attempts);
      if (page.next === null) return added(page, pages);
      after = page.next;
    }
  } catch (error) {
    const last = pages.at(-1);
    throw last && !period.dry_run ? new Interrupted(error as Error, added(last, pages), after) : error;
  } finally {
    bar?.end();
  }
}

function added({ from, to, archives }: Page, pages: readonly Page[]): Rerating {
  const models = Map.groupBy(
    pages.flatMap((page) => page.models),
    ({ model }) => model,
  );
  return {
    from,
    to,
    ...sumsOf(pages),
    models: [...models].map(([model, list]) => ({ model, ...sumsOf(list) })).toSorted(byDifference),
    archives,
  };
}

function sumsOf(list: readonly Sums[]): Sums {
  return Object.fromEntries(SUMS.map((name) => [name, list.reduce((sum, one) => sum + one[name], 0)])) as Record<
    keyof Sums,
    number
  >;
}

function byDifference(a: OfModel, b: OfModel): number {
  return Math.abs(b.difference_nano_usd) - Math.abs(a.difference_nano_usd) || (a.model < b.model ? -1 : 1);
}

const COLUMNS: readonly Column<OfModel>[] = [
  ['model', ({ model }) => model],
  ['attempts', ({ attempts }) => String(attempts)],
  ['changed', ({ changed }) => String(changed)],
  ['no price', ({ without_price }) => String(without_price)],
  ['before', ({ before_nano_usd }) => dollars(before_nano_usd)],
  ['after', ({ after_nano_usd }) => dollars(after_nano_usd)],
  ['difference', ({ difference_nano_usd }) => signed(difference_nano_usd)],
];

function shown(rerating: Rerating): string {
  const { models, from, to, archives } = rerating;
  const period = `${from} to ${to}`;
  const lines =
    rerating.attempts === 0
      ? [`${period}: the upstream priced all there is`]
      : [table(COLUMNS, [...models, { ...rerating, model: 'in all' }]), '', `${period}: ${changesOf(rerating)}`];
  if (archives > 0) lines.push(`${archives} archives of the ledger lie in it: what is in them stays as it is`);
  return lines.join('\n');
}

function changesOf({ changed, difference_nano_usd }: Sums): string {
  return changed === 0 ? 'nothing to change' : `${changed} corrections, ${signed(difference_nano_usd)}`;
}

function dollars(nano: number): string {
  return `$${nanoToUsd(nano)}`;
}

function signed(nano: number): string {
  return `${nano < 0 ? '-' : '+'}${dollars(Math.abs(nano))}`;
}

async function isMeant({ changed }: Rerating): Promise<boolean> {
  return onTerminal() && agreed(`Write these ${changed} corrections?`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        apply: { type: 'boolean', default: false },
        after: { type: 'string', default: '' },
        url: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

await run('npm run rerate', main);
