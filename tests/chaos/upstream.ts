import { parseArgs } from 'node:util';
import { randomFrom } from '../../load/upstream/random.ts';
import { progress } from '../../scripts/progress.ts';
import { eventually } from '../support/eventually.ts';
import { type LocalSystem, startLocal } from '../support/start.ts';
import { CELLS, type Cell } from './upstream-cells.ts';
import { type Ask, ask } from './upstream-client.ts';
import { countsOf, type Run, tableOf } from './upstream-report.ts';

/**
 * Every way in which the upstream can fail, through both workers as developers run them, with the
 * official SDK as the client: what becomes of the requests, and whether the ledger agrees with the
 * upstream to the nano-dollar. Fails unless all of it holds. `--requests N` in each cell, `--seed N`
 * of their order.
 */
const { values } = parseArgs({
  options: { requests: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
});
const PER_CELL = Number(values.requests);
const AT_ONCE = 64;

/** Long enough for two busy cores, short enough to be waited for. */
const VARS = {
  RATE_LIMIT_PER_MINUTE: '1000000',
  UPSTREAM_HEADERS_TIMEOUT_MS: '4000',
  UPSTREAM_FIRST_EVENT_TIMEOUT_MS: '5000',
  UPSTREAM_SILENCE_TIMEOUT_MS: '3000',
  UPSTREAM_RETRIES: '2',
  STREAM_COMMIT_AFTER_MS: '500',
  HEDGE_AFTER_MS: '400',
};
/** One that takes a prefill and one that is told to continue. */
const SECOND = ['anthropic/claude-haiku-4.5', 'openai/gpt-4o-mini'] as const;

function planRuns(): Run[] {
  let n = 0;
  const runs = (row: Run['row'], cell: Cell | null, count: number, request: (n: number) => Omit<Ask, 'n'>): Run[] =>
    Array.from({ length: count }, () => {
      n += 1;
      return { row, cell, request: { n, ...request(n) }, outcome: null };
    });
  const second = (k: number): string => SECOND[k % SECOND.length] ?? SECOND[0];
  return [
    ...CELLS.flatMap((cell) =>
      runs(rowOf(cell), cell, PER_CELL, (k) => ({
        model: `sim/${cell.fault}/${k}`,
        others: cell.fallback ? [second(k)] : [],
        streamed: cell.streamed,
        // A socket that is destroyed discards what is on its way: without a gap nothing had come yet.
        ...(cell.form === 'mid-stream' && { sim: { gap_ms: 10 } }),
        ...(cell.resume && { headers: { 'x-gateway-resume': 'true' } }),
      })),
    ),
    ...[true, false].flatMap((streamed) =>
      runs(['late, hedged', streamed ? 'stream' : 'whole', 'yes', ''], null, PER_CELL, (k) => ({
        model: `sim/slow-start/hedged-${k}`,
        others: [second(k)],
        streamed,
        headers: { 'x-gateway-hedge': 'true' },
      })),
    ),
    ...runs(['client leaves', 'stream', 'no', ''], null, PER_CELL, (k) => ({
      model: `sim/left/${k}`,
      others: [],
      streamed: true,
      sim: { gap_ms: 30 },
      leaveAfter: 5,
    })),
    ...runs(['one dead model', 'whole', 'yes', ''], null, 2 * PER_CELL, (k) => ({
      model: 'sim/status-500/dead',
      others: [second(k)],
      streamed: false,
    })),
  ];
}

function rowOf({ fault, streamed, fallback, resume }: Cell): Run['row'] {
  return [fault, streamed ? 'stream' : 'whole', fallback ? 'yes' : 'no', resume ? 'asked' : ''];
}

/** In a random order (Fisher and Yates). */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const pick = Math.floor(random() * (last + 1));
    [order[last], order[pick]] = [order[pick] as T, order[last] as T];
  }
  return order;
}

async function runAll(system: LocalSystem, runs: readonly Run[]): Promise<void> {
  const waiting = shuffled(runs, randomFrom(Number(values.seed)));
  const shown = progress('requests', runs.length);
  const work = async (): Promise<void> => {
    for (let run = waiting.pop(); run; run = waiting.pop()) {
      run.outcome = await ask(`${system.origin}/v1`, system.key, run.request);
      shown.advance(1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work)).finally(() => shown.end());
}

interface Usage {
  requests: number;
  cost_nano_usd: number;
  extra_cost_nano_usd: number;
}

/** The ledger's sums, once it has every request. */
function settledUsage({ origin, key }: LocalSystem, requests: number): Promise<Usage> {
  return eventually(async () => {
    const response = await fetch(`${origin}/usage`, { headers: { authorization: `Bearer ${key}` } });
    const { total } = (await response.json()) as { total: Usage };
    return total.requests >= requests ? total : null;
  }, 60_000);
}

/** Prints what came of it, and says whether all of it is as it must be. */
function report(runs: readonly Run[], usage: Usage, { upstream }: LocalSystem): boolean {
  const account = upstream.account.total();
  const dead = upstream.account.entries.filter(({ requested_model }) => requested_model.endsWith('/dead')).length;
  const of = (test: (cell: Cell) => boolean) => countsOf(runs.filter(({ cell }) => cell && test(cell)));
  const saveable = of(({ form, fallback }) => form === 'before the first event' && fallback);
  const harmless = of(({ form }) => form === 'harmless');
  const ours = of(({ form }) => form === 'ours');
  const resumable = of(({ form, fallback, resume }) => form === 'mid-stream' && fallback && resume);
  const others = countsOf(runs.filter(({ cell }) => !cell));
  const all = countsOf(runs);
  const resumed = runs.filter(({ outcome }) => outcome && !outcome.raised && outcome.resumed).length;

  console.log(`${tableOf(runs)}

ledger    ${usage.requests} requests, ${usage.cost_nano_usd} nano-dollars, of which ${usage.extra_cost_nano_usd} for attempts of which the client got nothing
upstream  ${account.requests} calls, ${account.billed} of them billed, ${account.cost_nano_usd} nano-dollars
circuit   one dead model was called ${dead} times for ${2 * PER_CELL} requests`);
  const result = {
    chaos: 'upstream',
    requests: runs.length,
    answered_with_fallback: saveable.answered / saveable.all,
    silent_truncations: all.wrong,
    resumed,
    resumed_exact: all.resumed,
    raised: all.raised,
    nano_usd_difference: usage.cost_nano_usd - account.cost_nano_usd,
  };
  console.log(JSON.stringify(result));
  return (
    saveable.answered === saveable.all &&
    harmless.answered === harmless.all &&
    others.answered === others.all &&
    resumable.raised === 0 &&
    ours.raised === ours.all &&
    all.wrong === 0 &&
    resumed === all.resumed &&
    usage.requests === runs.length &&
    result.nano_usd_difference === 0
  );
}

const runs = planRuns();
const system = await startLocal(VARS);
try {
  await runAll(system, runs);
  const usage = await settledUsage(system, runs.length);
  process.exitCode = report(runs, usage, system) ? 0 : 1;
} finally {
  await system.stop();
}
