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
}

/** What k6 summed up. */
export interface Summary {
  requests: number;
  /** Of all requests, 0 to 1. */
  failedRate: number;
  /** ms; null where no simulator told its own time. */
  addedP95Ms: number | null;
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
export function keepLedger(load: string, stateDir: string): void {
  const kept = join(DIR, 'state');
  const dir = localDatabaseDir(kept);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const database = openLocalDatabase(stateDir);
  database.prepare('VACUUM INTO ?').run(join(dir, 'ledger.sqlite'));
  database.close();
  keepRecord({ load, where: { stateDir: kept } });
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

/** @throws Error of one line when k6 did not write it. */
export function summaryOf(load: string): Summary {
  const { metrics } = JSON.parse(readFileSync(filesOf(load).summaryFile, 'utf8')) as {
    metrics: {
      failed?: { passes: number; fails: number; value: number };
      added_ms?: { 'p(95)': number; max: number };
    };
  };
  const { failed, added_ms } = metrics;
  if (!failed) throw new Error('k6 made no requests.');
  return {
    requests: failed.passes + failed.fails,
    failedRate: failed.value,
    // Of nothing k6 sums up zeros.
    addedP95Ms: added_ms?.max ? Math.round(added_ms['p(95)'] * 10) / 10 : null,
  };
}
