import type { D1Database, R2Bucket } from '@cloudflare/workers-types';
import { packArchive } from '../../shared/ledger-archive.ts';
import { ARCHIVE } from './endpoints.ts';

const REQUEST = '019b7af6-7400-7000-8000-000000000001';
const AT = Date.UTC(2026, 0, 2);

/** The ledger row that it holds, of the account `tester`. */
export const ARCHIVED_ROW = {
  ...{ request_id: REQUEST, adjustment: '', user_id: 'tester', key_id: 'key_tester', endpoint: '/v1/embeddings' },
  ...{ requested_model: 'a/model', model: 'a/model', provider: null, generation_id: null, status: 200 },
  ...{ finish_reason: null, input_tokens: 3, output_tokens: 0, cached_tokens: null, cache_write_tokens: null },
  ...{ reasoning_tokens: null, cost_nano_usd: 60, extra_cost_nano_usd: 0, unpriced_attempts: 0 },
  ...{ usage_source: 'provider', latency_ms: 12, ttft_ms: null, attempts: 1, created_at: AT, recorded_at: AT + 13 },
};

/** Puts an archive, {@link ARCHIVE}, whose rows have left D1. */
export async function putArchive(db: D1Database, bucket: R2Bucket): Promise<void> {
  const { bytes, sha256 } = await packArchive({ usage_logs: [ARCHIVED_ROW], unpriced_attempts: [] });
  await bucket.put(ARCHIVE, bytes);
  await db
    .prepare(
      `INSERT INTO ledger_archives (object, first_request_id, last_request_id, rows, cost_nano_usd, sha256, archived_at, deleted_at)
       VALUES (?1, ?2, ?2, 1, 60, ?3, ?4, ?4)`,
    )
    .bind(ARCHIVE, REQUEST, sha256, AT)
    .run();
}
