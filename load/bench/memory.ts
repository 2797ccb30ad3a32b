import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LOCAL_KEY } from '../../scripts/local-state.ts';
import { progress } from '../../scripts/progress.ts';
import { randomFrom } from '../upstream/random.ts';
import { Client } from './client.ts';
import { startContestant } from './contestants.ts';
import { Inspector } from './inspector.ts';
import { thisMachine } from './machine.ts';
import { BUDGETS, type Held, heldBy, lastLine, mb, missedBudgets, printTable } from './memory-report.ts';
import { memoryOf, untilQuiet } from './process-cpu.ts';
import { saveResult } from './results.ts';
import { startSimulator } from './simulator.ts';
import { workspace } from './workspace.ts';

/**
 * What the API worker's isolate holds while many streams are in progress, and when they end. V8 lets garbage lie about
 * as long as nothing is short, and here nothing ever is, so it is collected before each look; one round is looked at
 * without that. `--quick`: a small run, for tests. `--save`: the whole result to docs/bench/memory.json. The last line
 * is JSON; fails if a budget is missed.
 */
const { values: args } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, save: { type: 'boolean', default: false } },
});

/** Of chunks of some 300 bytes each. */
const STREAMS = args.quick ? { streams: 40, chunks: 200, gapMs: 5 } : { streams: 200, chunks: 1_000, gapMs: 10 };
/** The worst of answers: as long as models give. */
const LONG = args.quick ? null : { streams: 50, chunks: 8_000, gapMs: 1 };
const ROUNDS = args.quick ? 1 : 3;
const PROMPT_CHARS = 100_000;
const LOOK_EVERY_MS = 200;

const random = randomFrom(1);
/** A prompt that cannot be packed much: the worst that analytics can be sent. */
const PROMPT = Array.from({ length: PROMPT_CHARS / 10 }, () => random().toString(36).slice(2, 11).padEnd(9)).join(' ');

function bodyOf({ chunks, gapMs }: typeof STREAMS, seed: number): string {
  const messages = [{ role: 'user', content: PROMPT }];
  return JSON.stringify({ model: 'openai/gpt-5-mini', stream: true, messages, sim: { chunks, gap_ms: gapMs, seed } });
}

const dir = workspace();
const machine = thisMachine();
const simulator = await startSimulator();
try {
  const { miniflare, pid, port } = await startContestant(
    'gateway',
    dir,
    {
      UPSTREAM_BASE_URL: simulator.url,
      OPENROUTER_API_KEY: 'sk-or-v1-of-the-bench',
      POSTHOG_API_KEY: 'phc_of_the_bench',
      POSTHOG_HOST: simulator.origin,
      RATE_LIMIT_PER_MINUTE: '100000000',
    },
    { inspectorPort: 0 },
  );
  const client = new Client(port, LOCAL_KEY);
  const inspector = await Inspector.attach(await miniflare.getInspectorURL(), 'wrangler.api');
  try {
    const db = await miniflare.getD1Database('DB', 'wrangler.api');
    await db.exec("UPDATE users SET tier = 'unlimited'");
    const collectGarbage = () => inspector.collectGarbage(() => fetch(`http://127.0.0.1:${port}/`));
    const held = async () => heldBy(await inspector.heapUsage());

    /** All at a time, from the first to the last of what they cause. */
    const measure = async (what: typeof STREAMS, seed: number, collected: boolean): Promise<Held> => {
      await simulator.forget();
      const body = bodyOf(what, seed);
      let [ended, inProgress, peak, rss, over] = [0, 0, 0, 0, false];
      const one = () => client.ask(body).then(() => (ended += 1));
      const all = Promise.all(Array.from({ length: what.streams }, one))
        .then(() => untilQuiet(pid))
        .finally(() => (over = true));
      const looking = async (): Promise<void> => {
        while (!over) {
          if (collected) await collectGarbage();
          const now = await held();
          if (ended === 0) inProgress = Math.max(inProgress, now);
          peak = Math.max(peak, now);
          rss = Math.max(rss, memoryOf(pid).now);
          // While they end, again at once: most is held then.
          if (ended === 0 || ended === what.streams) await wait(LOOK_EVERY_MS);
        }
      };
      await Promise.all([all, looking()]);
      return { streams: what.streams, chunks: what.chunks, inProgress, peak, rss, leftOut: await simulator.leftOut() };
    };

    await measure({ ...STREAMS, streams: 1 }, 0, true);
    await collectGarbage();
    const [idle, idleRss] = [await held(), memoryOf(pid).now];
    const rounds = progress('rounds', ROUNDS + (LONG ? 2 : 1));
    const held200: Held[] = [];
    for (let n = 1; n <= ROUNDS; n += 1) {
      held200.push(await measure(STREAMS, n, true));
      rounds.advance(1);
    }
    await collectGarbage();
    const leftAfter = (await held()) - idle;
    const uncollected = await measure(STREAMS, ROUNDS + 1, false);
    rounds.advance(1);
    const long = LONG && (await measure(LONG, 0, true));
    if (long) rounds.advance(1);
    rounds.end();

    const asked = 1 + (ROUNDS + 1) * STREAMS.streams + (LONG?.streams ?? 0);
    const metered = await db
      .prepare("SELECT count(*) AS requests FROM usage_logs WHERE usage_source = 'provider' AND status = 200")
      .first<{ requests: number }>();
    if (metered?.requests !== asked) throw new Error(`${metered?.requests} of ${asked} requests were metered.`);

    const line = lastLine(held200, idleRss, leftAfter);
    const missed = missedBudgets(line, BUDGETS);
    const all = [...held200.map((of) => ['collected', of] as const), ['uncollected', uncollected] as const];
    printTable(long ? [...all, ['long', long]] : all);
    if (args.save) {
      saveResult('memory', {
        ...line,
        machine,
        idle_mb: mb(idle),
        idle_rss_mb: mb(idleRss),
        held: Object.fromEntries([
          ['rounds', held200],
          ['uncollected', uncollected],
          ['long', long],
        ]),
      });
    }
    for (const what of missed) console.error(`missed: ${what}`);
    console.log(JSON.stringify(line));
    process.exitCode = missed.length > 0 ? 1 : 0;
  } finally {
    inspector.close();
    client.close();
    await miniflare.dispose();
  }
} finally {
  await simulator.stop();
}
