import { TOLD_LATE } from '../../../shared/ledger.ts';
import { LEDGER_COLUMNS, type SUMS } from '../../../shared/ledger-columns.ts';
import { nanoToUsd } from '../../../shared/money.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';

/** A row of `usage_logs`, see schema.sql. */
export type LedgerRow = Pick<UsageEvent, (typeof LEDGER_COLUMNS)[number]> & { adjustment: string; recorded_at: number };

/** All ledger rows of the requests in ?1, a JSON array of ids; corrections in the order in which they were made. */
export const LEDGER_ROWS = `
  SELECT ${LEDGER_COLUMNS.join(', ')}, adjustment, recorded_at
    FROM usage_logs
   WHERE request_id IN (SELECT value FROM json_each(?1))
   ORDER BY request_id, recorded_at, adjustment`;

/** A request by its ledger rows: its own, and its corrections, the latest last. */
export interface LedgerEntry {
  own: LedgerRow;
  corrections: LedgerRow[];
}

/** The entry of some rows of one request; null: its own row is not among them. */
export function entryOf(rows: readonly LedgerRow[]): LedgerEntry | null {
  const own = rows.find(({ adjustment }) => adjustment === '');
  return own ? { own, corrections: rows.filter((row) => row !== own) } : null;
}

/**
 * A request as all of its corrections leave it: numbers are summed up, null where nobody knows any of them, as
 * the view `request_costs` does. The source of its usage is that of the latest correction. Of a request that was
 * taken for dead, how it ended stands in the row that told it late.
 */
export function asCorrected({ own, corrections }: LedgerEntry) {
  const rows = [own, ...corrections];
  const { provider, status, finish_reason, latency_ms, ttft_ms, attempts } =
    corrections.find(({ adjustment }) => adjustment === TOLD_LATE) ?? own;
  const cost = sumOf(rows, 'cost_nano_usd');
  return {
    request_id: own.request_id,
    user_id: own.user_id,
    key_id: own.key_id,
    endpoint: own.endpoint,
    requested_model: own.requested_model,
    model: own.model,
    provider,
    status,
    finish_reason,
    input_tokens: sumOf(rows, 'input_tokens'),
    output_tokens: sumOf(rows, 'output_tokens'),
    cached_tokens: sumOf(rows, 'cached_tokens'),
    cache_write_tokens: sumOf(rows, 'cache_write_tokens'),
    reasoning_tokens: sumOf(rows, 'reasoning_tokens'),
    cost_nano_usd: cost,
    cost_usd: usdOf(cost),
    extra_cost_nano_usd: sumOf(rows, 'extra_cost_nano_usd'),
    unpriced_attempts: sumOf(rows, 'unpriced_attempts'),
    corrections: corrections.length,
    usage_source: (corrections.at(-1) ?? own).usage_source,
    latency_ms,
    ttft_ms,
    attempts,
    created_at: new Date(own.created_at).toISOString(),
  };
}

/** Exact dollars; null: not known. */
export function usdOf(nano: number | null): string | null {
  return nano === null ? null : nanoToUsd(nano);
}

function sumOf(rows: readonly LedgerRow[], column: (typeof SUMS)[number]): number | null {
  const known = rows.flatMap((row) => row[column] ?? []);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}
