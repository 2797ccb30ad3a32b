import type { D1Database } from '@cloudflare/workers-types';
import { REQUEST, VICTIMS_REQUEST } from './endpoints.ts';

const AT = Number.parseInt(REQUEST.slice(0, 13).replace('-', ''), 16);

/** Bound to (id, adjustment, account, cost). */
const LEDGER = `
  INSERT INTO usage_logs (request_id, adjustment, user_id, key_id, endpoint, requested_model, model, status, input_tokens,
                          cost_nano_usd, unpriced_attempts, usage_source, latency_ms, attempts, created_at, recorded_at)
  VALUES (?1, ?2, ?3, 'key_' || ?3, '/v1/chat/completions', 'of/tests', 'of/tests', 200, 3, ?4, 0, 'estimated', 12, 1, ${AT}, ${AT})`;

/**
 * Enters a request of `tester`, which was corrected and whose model has a price, and one of `victim` into the ledger;
 * the rollup knows the hour of the first.
 */
export async function putRequests(db: D1Database): Promise<void> {
  await db.batch([
    db.prepare(LEDGER).bind(REQUEST, '', 'tester', 60),
    db.prepare(LEDGER).bind(REQUEST, 'reconciled 0.1', 'tester', -10),
    db.prepare(LEDGER).bind(VICTIMS_REQUEST, '', 'victim', 70),
    db
      .prepare(
        `INSERT INTO unpriced_attempts (request_id, attempt, model, usage_source, relayed, cost_nano_usd, state, created_at, updated_at)
         VALUES (?1, 0, 'of/tests', 'reconciled', 1, 50, 'reconciled', ${AT}, ${AT})`,
      )
      .bind(REQUEST),
    db.prepare(
      `INSERT INTO usage_rollups_hourly
       VALUES ('tester', ${AT} / 3600000 * 3600000, 'key_tester', 'of/tests', 1, 0, 0, 6, 0, 0, 0, 0, 50, 0)`,
    ),
    db.prepare(
      `INSERT INTO model_prices (model, valid_from, prompt, completion, overrides, source, created_at)
       VALUES ('of/tests', 0, '0.00000002', '0', '[{"min_prompt_tokens":200000,"prompt":"0.00000004"}]', 'upstream', 0)`,
    ),
  ]);
}
