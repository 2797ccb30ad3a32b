import { parseArgs } from 'node:util';
import { LOCAL_KEY } from '../../scripts/local-state.ts';
import { progress } from '../../scripts/progress.ts';
import { Client, type Timing } from './client.ts';
import { CONTESTANTS, type Contestant, type ContestantName, startContestant } from './contestants.ts';
import { thisMachine } from './machine.ts';
import { untilQuiet, usedCpu } from './process-cpu.ts';
import { type Cell, figuresOf, lastLine, missedBudgets, printTable } from './relay-report.ts';
import { saveResult } from './results.ts';
import { startSimulator } from './simulator.ts';
import { workspace } from './workspace.ts';

/**
 * What the gateway costs beside a bare passthrough and beside the same job done inline: CPU of the server's process,
 * requests a second, time to the first byte (of JSON: to the last). All contestants run at the same time, are asked in turn, and have one
 * simulated upstream. `--save`: the whole result to docs/bench/relay.json. The last
 * line is JSON; fails if a budget is missed.
 */
const { values: args } = parseArgs({ options: { save: { type: 'boolean', default: false } } });

const CONNECTIONS = 16;
const ROUNDS = 6;
/** Rounds that make the runtime warm, and are not told. */
const WARM_UP = 1;

/** What is asked for, how often a round over all connections, and how often one after the other. */
const WORKLOADS = [
  { name: 'stream_100', stream: true, chunks: 100, requests: 200, sequential: 40 },
  { name: 'stream_1000', stream: true, chunks: 1_000, requests: 32, sequential: 6 },
  { name: 'json', stream: false, chunks: 20, requests: 400, sequential: 60 },
] as const;
type Workload = (typeof WORKLOADS)[number];

/** Of the requests over all connections, so that a round of the slow one does not take all the time. */
const SHARES: Record<ContestantName, number> = { passthrough: 1, gateway: 1, stubbed: 1, inline: 0.15 };

function bodyOf({ stream, chunks }: Workload): string {
  const messages = [{ role: 'user', content: 'Say something of it.' }];
  return JSON.stringify({ model: 'openai/gpt-5-mini', stream, messages, sim: { chunks } });
}

interface Asked extends Contestant {
  client: Client;
}

/** One contestant's turn: over all connections, with whatever it does afterwards; then one after the other. */
async function turn({ pid, client, name }: Asked, workload: Workload): Promise<Cell> {
  const body = bodyOf(workload);
  const requests = Math.max(CONNECTIONS, Math.round(workload.requests * SHARES[name]));
  // JSON is of use once it is whole; a stream once it begins.
  const untilUse = (timing: Timing): number => (workload.stream ? timing.firstByte : timing.total);
  const cpu = usedCpu(pid);
  const startedAt = performance.now();
  const concurrent = await client.askMany(body, requests, CONNECTIONS);
  const elapsed = performance.now() - startedAt;
  await untilQuiet(pid);
  const cpuMs = cpu() / requests;
  const sequential = await client.askMany(body, workload.sequential, 1);
  // What it does afterwards is not to disturb whose turn is next.
  await untilQuiet(pid);
  return {
    cpuMs,
    perSecond: (requests * 1_000) / elapsed,
    concurrent: concurrent.map(untilUse),
    sequential: sequential.map(untilUse),
  };
}

const dir = workspace();
const machine = thisMachine();
const simulator = await startSimulator();
const asked: Asked[] = [];
try {
  const vars = {
    UPSTREAM_BASE_URL: simulator.url,
    OPENROUTER_API_KEY: 'sk-or-v1-of-the-bench',
    POSTHOG_API_KEY: 'phc_of_the_bench',
    POSTHOG_HOST: simulator.origin,
    RATE_LIMIT_PER_MINUTE: '100000000',
  };
  const building = progress('contestants', CONTESTANTS.length);
  for (const name of CONTESTANTS) {
    const contestant = await startContestant(name, dir, vars);
    asked.push({ ...contestant, client: new Client(contestant.port, LOCAL_KEY) });
    building.advance(1);
  }
  building.end();

  const cells = new Map(
    WORKLOADS.map(({ name }) => [name, new Map(CONTESTANTS.map((one) => [one, [] as Cell[]] as const))] as const),
  );
  const rounds = progress('turns', (WARM_UP + ROUNDS) * WORKLOADS.length * CONTESTANTS.length);
  for (let n = 0; n < WARM_UP + ROUNDS; n += 1) {
    for (const workload of WORKLOADS) {
      for (let at = 0; at < asked.length; at += 1) {
        const contestant = asked[(at + n) % asked.length];
        if (!contestant) continue;
        const cell = await turn(contestant, workload);
        if (n >= WARM_UP) cells.get(workload.name)?.get(contestant.name)?.push(cell);
        await simulator.forget();
        rounds.advance(1);
      }
    }
  }
  rounds.end();

  const figures = figuresOf(cells);
  const line = lastLine(figures);
  const missed = missedBudgets(figures);
  printTable(figures);
  if (args.save) saveResult('relay', { ...line, machine, rounds: ROUNDS, connections: CONNECTIONS, figures });
  for (const what of missed) console.error(`missed: ${what}`);
  console.log(JSON.stringify(line));
  process.exitCode = missed.length > 0 ? 1 : 0;
} finally {
  for (const { client, miniflare } of asked) {
    client.close();
    await miniflare.dispose();
  }
  await simulator.stop();
}
