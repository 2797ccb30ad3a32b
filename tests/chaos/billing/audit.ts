import type { DatabaseSync } from 'node:sqlite';
import { openLocalDatabase } from '../../../scripts/local-database.ts';
import { differingRows, rollupDifference } from '../../../scripts/rollup-difference.ts';
import { latencyBucket } from '../../../shared/latency.ts';

/** The local D1 as SQLite has it: what is audited is read by none of the workers' code. */
export class Ledger {
  readonly #db: DatabaseSync;

  constructor(stateDir: string) {
    this.#db = openLocalDatabase(stateDir);
    this.#db.function('latency_bucket', { deterministic: true }, (ms) => latencyBucket(Number(ms)));
  }

  all<Row>(sql: string): Row[] {
    return this.#db.prepare(sql).all() as Row[];
  }

  number(sql: string): number {
    const [row] = this.all<{ n: number | null }>(`SELECT (${sql}) AS n`);
    return Number(row?.n ?? 0);
  }

  close(): void {
    this.#db.close();
  }
}

function latencyMismatches(ledger: Ledger): number {
  const added = ['latency', 'ttft'].map(
    (measure) => `
    SELECT user_id, created_at / 3600000 * 3600000, key_id, coalesce(model, requested_model), '${measure}',
           latency_bucket(${measure}_ms), count(*)
      FROM usage_logs WHERE adjustment = '' AND ${measure}_ms IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6`,
  );
  const kept = 'SELECT user_id, hour, key_id, model, measure, up_to_ms, requests FROM usage_latency_hourly';
  return ledger.number(differingRows(added.join(' UNION ALL '), kept));
}

/** Rows of all rollups that are not what the ledger adds up to. */
export function rollupMismatches(ledger: Ledger): number {
  return ledger.number(rollupDifference('hour')) + ledger.number(rollupDifference('day')) + latencyMismatches(ledger);
}

/** Attempts of which the upstream is still to be asked. */
export function pendingAttempts(ledger: Ledger): number {
  return ledger.number("SELECT count(*) FROM unpriced_attempts WHERE state = 'pending'");
}

/** Which of the requests that were accepted have no row, and how many rows nobody can account for. */
export function ledgerFindings(ledger: Ledger, accepted: ReadonlySet<string>, unseen: number) {
  const rows = ledger.all<{ request_id: string }>("SELECT request_id FROM usage_logs WHERE adjustment = ''");
  const known = new Set(rows.map(({ request_id }) => request_id));
  // The primary key lets a request in once; what the upstream said of an attempt must have been booked once, too.
  const twice = ledger.number(`
    SELECT count(*) FROM (
      SELECT 1 FROM usage_logs WHERE adjustment LIKE 'reconciled %'
       GROUP BY request_id, substr(adjustment, 1, instr(adjustment, '.')) HAVING count(*) > 1)`);
  // Clients that left before they were told an id may have been accepted, each of them once.
  const strangers = rows.filter(({ request_id }) => !accepted.has(request_id)).length;
  return {
    requests: known.size,
    lost: [...accepted].filter((id) => !known.has(id)),
    duplicated: twice + Math.max(0, strangers - unseen),
  };
}

interface PostHogEvent {
  event: string;
  uuid: string;
  distinct_id: string;
  timestamp: string;
  properties: Record<string, unknown>;
}

/** What PostHog makes of the events: those that it cannot tell apart are one (team, day, event, distinct_id, uuid). */
export function analyticsFindings(ledger: Ledger, events: readonly unknown[], kinds: readonly string[]) {
  const distinct = new Map(
    (events as PostHogEvent[]).map((one) => [
      [one.timestamp.slice(0, 10), one.event, one.distinct_id, one.uuid].join(' '),
      one,
    ]),
  );
  const requests = ledger.all<{ request_id: string; endpoint: string }>(
    "SELECT request_id, endpoint FROM usage_logs WHERE adjustment = ''",
  );
  let missing = 0;
  let doubled = 0;
  for (const kind of kinds) {
    const told = [...distinct.values()].filter(({ event }) => event === kind).map(requestOf);
    const once = new Set(told);
    const expected = requests.filter(({ endpoint }) => isToldAs(kind, endpoint === '/v1/embeddings'));
    missing += expected.filter(({ request_id }) => !once.has(request_id)).length;
    doubled += told.length - once.size;
  }
  return { missing, doubled };
}

/** Vectors are no generation and no conversation. */
function isToldAs(kind: string, embedding: boolean): boolean {
  switch (kind) {
    case '$ai_embedding':
      return embedding;
    case '$ai_generation':
    case '$ai_conversation':
      return !embedding;
    default:
      return true;
  }
}

function requestOf({ properties }: PostHogEvent): unknown {
  return properties.request_id ?? properties.$ai_trace_id;
}
