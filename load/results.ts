import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localDatabaseDir, openLocalDatabase } from '../scripts/local-database.ts';

const DIR = 'load/results';
const LAST = join(DIR, 'last.json');

/** Where the ledger of a system is: in a local state folder, or in the D1 of a deployed environment. */
export type Where = { stateDir: string } | { environment: string };

/** What is kept of a run for its audit. */
export interface RunRecord {
  load: string;
  where: Where;
  /** When k6 was started, and when it had ended, Unix ms; null: it has not, or nobody noticed. */
  startedAt: number;
  endedAt: number | null;
}

/** What k6 summed up; null for each that it did not say. */
export interface Summary {
  requests: number | null;
  /** Of all requests, 0 to 1. */
  failedRate: number | null;
  /** ms; null also where no simulator told its own time. */
  addedP95Ms: number | null;
  /** Requests that were answered with 2xx, those before the load begins included. */
  succeeded: number | null;
  /** Requests of which k6 did not see how they were answered. */
  cutOff: number | null;
}

/** What k6 saw of the requests of a run. */
export interface Seen {
  /** Ids of those that were answered with 2xx, in the order of their time. */
  successes: string[];
  /** Whatever else the scripts said, such as why a request failed. */
  remarks: string[];
}

/** The files of a scenario's last run; those of the one before are gone. */
export function freshFiles(load: string): { consoleFile: string; summaryFile: string } {
  mkdirSync(DIR, { recursive: true });
  const files = filesOf(load);
  for (const file of Object.values(files)) rmSync(file, { force: true });
  return files;
}

function filesOf(load: string) {
  return { consoleFile: join(DIR, `${load}.requests.log`), summaryFile: join(DIR, `${load}.summary.json`) };
}

export function keepRecord(record: RunRecord): void {
  writeFileSync(LAST, JSON.stringify(record));
}

/** Keeps the ledger of a run's own system, which is about to go, so that it can be audited again. */
export function keepLedger(stateDir: string): void {
  const kept = join(DIR, 'state');
  const dir = localDatabaseDir(kept);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const database = openLocalDatabase(stateDir);
  database.prepare('VACUUM INTO ?').run(join(dir, 'ledger.sqlite'));
  database.close();
  keepRecord({ ...lastRecord(), where: { stateDir: kept } });
}

/** @throws Error of one line when there was no run. */
export function lastRecord(): RunRecord {
  if (!existsSync(LAST)) throw new Error('There was no run yet: npm run load -- smoke');
  return JSON.parse(readFileSync(LAST, 'utf8')) as RunRecord;
}

/** What the scripts wrote of each request: a line `<request id> <status>`. */
export function seenIn(load: string): Seen {
  const { consoleFile } = filesOf(load);
  const lines = existsSync(consoleFile) ? readFileSync(consoleFile, 'utf8').split('\n').filter(Boolean) : [];
  const successes = lines.flatMap((line) => /^([\da-f-]{36}) 2\d\d$/.exec(line)?.[1] ?? []);
  return { successes: successes.toSorted(), remarks: lines.filter((line) => !/^[\da-f-]{36} \d+$/.test(line)) };
}

/** What k6 summed up of a scenario's last run: nothing if it was ended before it could. */
export function summaryOf(load: string): Summary {
  const { summaryFile } = filesOf(load);
  if (!existsSync(summaryFile)) {
    return { requests: null, failedRate: null, addedP95Ms: null, succeeded: null, cutOff: null };
  }
  const { metrics } = JSON.parse(readFileSync(summaryFile, 'utf8')) as {
    metrics: {
      failed?: { passes: number; fails: number; value: number };
      added_ms?: { 'p(95)': number; max: number };
    } & Record<'asked' | 'answered' | 'succeeded', { count: number } | undefined>;
  };
  const { failed, added_ms, asked, answered, succeeded } = metrics;
  return {
    requests: failed ? failed.passes + failed.fails : null,
    failedRate: failed?.value ?? null,
    // Of nothing k6 sums up zeros.
    addedP95Ms: added_ms?.max ? Math.round(added_ms['p(95)'] * 10) / 10 : null,
    // What was never counted up is not in the summary.
    succeeded: succeeded?.count ?? 0,
    cutOff: (asked?.count ?? 0) - (answered?.count ?? 0),
  };
}
