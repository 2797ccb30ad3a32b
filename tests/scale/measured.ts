/**
 * What takes time, and so is measured and not counted: by benchmarks on a development machine, of which each names its
 * own. null: not measured yet.
 */
export const MEASURED: { apiCpuMs: number | null; ledgerEventsPerSecond: number | null } = {
  /** CPU time of the API worker for a stream of 100 chunks, `npm run bench:relay`. */
  apiCpuMs: null,
  /** Usage events a second into one database, batches of 100, a million rows present, `npm run bench:ledger`. */
  ledgerEventsPerSecond: null,
};
