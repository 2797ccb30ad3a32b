import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { latencyBucket } from '../../../shared/latency.ts';

/** The local D1 as SQLite has it: what is audited is read by none of the workers' code. */
export class Ledger {
  readonly #db: DatabaseSync;

  constructor(stateDir: string) {
    const dir = join(stateDir, 'v3/d1/miniflare-D1DatabaseObject');
    const files = readdirSync(dir).filter((file) => file.endsWith('.sqlite') && !file.startsWith('metadata'));
    if (files.length !== 1) throw new Error(`There should be one database in ${dir}, not ${files.length}.`);
    this.#db = new DatabaseSync(join(dir, files[0] ?? ''), { readOnly: true });
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

const SUMS = [
  'unpriced_attempts',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'extra_cost_nano_usd',
];

/** How many rows of a rollup are not the sum of their ledger rows, or are missing. */
function mismatches(ledger: Ledger, table: string, period: string, periodMs: number): number {
  const sums = SUMS.map((sum) => `coalesce(sum(${sum}), 0)`).join(', ');
  const added = `
    SELECT user_id, created_at / ${periodMs} * ${periodMs}, key_id, coalesce(model, requested_model),
           sum(adjustment = ''), sum(adjustment = '' AND status >= 400 AND status <> 499), ${sums}
      FROM usage_logs GROUP BY 1, 2, 3, 4`;
  const kept = `SELECT user_id, ${period}, key_id, model, requests, errors, ${SUMS.join(', ')} FROM ${table}`;
  return difference(ledger, added, kept);
}

function latencyMismatches(ledger: Ledger): number {
  const added = ['latency', 'ttft'].map(
    (measure) => `
    SELECT user_id, created_at / 3600000 * 3600000, key_id, coalesce(model, requested_model), '${measure}',
           latency_bucket(${measure}_ms), count(*)
      FROM usage_logs WHERE adjustment = '' AND ${measure}_ms IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6`,
  );
  const kept = 'SELECT user_id, hour, key_id, model, measure, up_to_ms, requests FROM usage_latency_hourly';
  return difference(ledger, added.join(' UNION ALL '), kept);
}

function difference(ledger: Ledger, a: string, b: string): number {
  const count = (one: string, other: string) =>
    ledger.number(`SELECT count(*) FROM (SELECT * FROM (${one}) EXCEPT SELECT * FROM (${other}))`);
  return Math.max(count(a, b), count(b, a));
}

/** Rows of all rollups that are not what the ledger adds up to. */
export function rollupMismatches(ledger: Ledger): number {
  return (
    mismatches(ledger, 'usage_rollups_hourly', 'hour', 3_600_000) +
    mismatches(ledger, 'usage_rollups_daily', 'day', 86_400_000) +
    latencyMismatches(ledger)
  );
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
