import type { Key } from './types.ts';

/** What the Admin API answers with, as far as the dashboard reads it. Its times are Unix seconds. */

export type LimitName =
  | 'requests_per_minute'
  | 'tokens_per_minute'
  | 'concurrent_requests'
  | 'requests_per_month'
  | 'tokens_per_month'
  | 'budget_day_nano_usd'
  | 'budget_month_nano_usd';
export type Granted = Record<LimitName, number | null>;

/** GET /admin/users/{id} */
export interface Account {
  id: string;
  name: string;
  tier: string;
  is_active: boolean;
  /** Its own; null: as its tier. */
  limits: Granted;
  created_at: number;
}

/** GET /admin/tiers */
export interface Tier {
  id: string;
  limits: Granted;
}

/** What a key may do, as it is asked for. */
export interface KeyGrant {
  name: string;
  permissions: Key['permissions'];
  rate_limit: number | null;
  /** Null: the account's. */
  tier: string | null;
  resume: boolean;
  privacy: boolean;
  expires_at: number | null;
}

/** GET /admin/keys/{id} */
export interface ApiKey extends KeyGrant {
  id: string;
  user_id: string;
  prefix: string;
  is_active: boolean;
  created_at: number;
  last_used_at: number | null;
}

/** What creating and rotating answer: the only place where the key itself is. */
export interface NewKey extends ApiKey {
  key: string;
  rotated?: ApiKey;
}

/** GET /admin/audit-log */
export interface AuditEntry {
  id: string;
  actor_user_id: string;
  actor_key_id: string;
  action: string;
  target: string;
  changes: Record<string, unknown>;
  address: string | null;
  created_at: number;
}

export type LetterState = 'stuck' | 'replayed' | 'discarded';

/** GET /admin/dead-letters */
export interface DeadLetter {
  id: string;
  queue: string;
  state: LetterState;
  reason: string;
  attempts: number;
  request_id: string | null;
  cost_nano_usd: number | null;
  unbilled_nano_usd: number;
  created_at: number;
  stored_at: number;
  state_at: number | null;
}

interface LetterSum {
  count: number;
  oldest_at: number | null;
  unbilled_nano_usd: number;
}

/** GET /admin/dead-letters/summary */
export interface LettersSummary {
  data: (LetterSum & { queue: string; state: LetterState })[];
  stuck: LetterSum;
}

/** What became of a letter, or would: of POST /admin/dead-letters/replay and discard. */
export interface LetterChange {
  id: string;
  queue: string;
  request_id: string | null;
  cost_nano_usd: number | null;
  outcome: 'will_be_billed' | 'will_be_delivered' | 'in_ledger' | 'refused' | 'failed' | 'discarded';
  why: string | null;
}

/** GET /admin/alerts */
export interface AlertState {
  name: string;
  state: 'ok' | 'firing';
  value: number | null;
  threshold: number;
  changed_at: number;
  told_at: number | null;
  checked_at: number;
}

/** GET /admin/account-comparisons */
export interface Comparison {
  id: string;
  compared_at: number;
  upstream_nano_usd: number;
  ledger_nano_usd: number;
  difference_nano_usd: number;
  drift_nano_usd: number;
}

type ComponentState = 'up' | 'down' | 'off';

/** GET /health */
export interface Health {
  status: 'ok' | 'degraded' | 'down';
  components: Record<'database' | 'upstream' | 'analytics', ComponentState>;
  checked_at: string;
}

/** GET /admin/upstream */
export interface UpstreamState {
  status: string;
  base_url: string;
  checked_at: string;
  /** Null: its list cannot be read. */
  models: number | null;
  circuits: { model: string; open_until: string }[];
}
