import { readFileSync } from 'node:fs';
import * as z from 'zod';

const Machine = z.object({ cores: z.number() });
const Ledger = z.object({
  machine: Machine,
  sizes: z.array(z.object({ rows: z.number(), events_per_s: z.number() })).nonempty(),
});
const Relay = z.object({
  machine: Machine,
  figures: z.array(z.object({ workload: z.string(), contestant: z.string(), cpu_ms: z.number() })),
});

/** What takes time, and so is measured and not counted: by benchmarks on a development machine. */
export interface Measured {
  /** CPU time of the API worker alone for a stream of 100 chunks, ms, `npm run bench:relay`. */
  apiCpuMs: number;
  /** Usage events a second into one database, batches of 100, so many rows present, `npm run bench:ledger`. */
  ledger: { eventsPerSecond: number; rows: number };
  /** Of the machine that the ledger was measured on. */
  cores: number;
}

/** Reads what the benchmarks saved in docs/bench/. @throws Error if a figure is not there. */
export function readMeasured(): Measured {
  const { sizes, machine } = Ledger.parse(saved('ledger'));
  const largest = sizes.reduce((one, other) => (other.rows > one.rows ? other : one));
  const stubbed = Relay.parse(saved('relay')).figures.find(
    ({ workload, contestant }) => workload === 'stream_100' && contestant === 'stubbed',
  );
  if (!stubbed) throw new Error('docs/bench/relay.json has no figure of the API worker alone');
  return {
    apiCpuMs: stubbed.cpu_ms,
    ledger: { eventsPerSecond: largest.events_per_s, rows: largest.rows },
    cores: machine.cores,
  };
}

function saved(bench: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../docs/bench/${bench}.json`, import.meta.url), 'utf8'));
}
