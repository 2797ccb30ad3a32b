-- The whole database. Safe to run twice.
-- Amounts: integers in nano-dollars (1e-9 USD). Times: Unix milliseconds, UTC.

-- Whom we bill. An account; other tables call it user_id.
CREATE TABLE IF NOT EXISTS users (
  id         TEXT    PRIMARY KEY,
  name       TEXT    NOT NULL,
  tier       TEXT    NOT NULL DEFAULT 'standard',      -- of rate_limits
  is_active  INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)), -- 0: none of its keys and tokens is accepted
  created_at INTEGER NOT NULL                          -- Unix ms
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS api_keys (
  id           TEXT    PRIMARY KEY,                    -- made of a UUIDv7, so that an account's keys are in order of time
  user_id      TEXT    NOT NULL REFERENCES users (id),
  key_hash     TEXT    NOT NULL UNIQUE,                -- SHA-256 of the key, lower-case hex; the look-up of auth
  key_prefix   TEXT    NOT NULL DEFAULT 'sk-',         -- its beginning, to know it by
  name         TEXT    NOT NULL,
  permissions  TEXT    NOT NULL DEFAULT '["read","write"]' CHECK (json_valid(permissions)), -- JSON array of read, write, admin
  rate_limit   INTEGER          CHECK (rate_limit >= 0),-- requests a minute of this key alone; NULL: it shares the account's
  tier         TEXT,                                   -- of rate_limits; NULL: the account's
  resume       INTEGER NOT NULL DEFAULT 0 CHECK (resume IN (0, 1)), -- 1: broken streams are continued on another model
  privacy      INTEGER NOT NULL DEFAULT 0 CHECK (privacy IN (0, 1)), -- 1: analytics are told lengths instead of content
  is_active    INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)), -- 0: revoked
  created_at   INTEGER NOT NULL,                       -- Unix ms
  expires_at   INTEGER,                                -- Unix ms, from then on refused; NULL: never
  last_used_at INTEGER                                 -- Unix ms; derived from usage events by the consumer
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS api_keys_by_user ON api_keys (user_id, id); -- an account's keys

-- What a tier grants, and what an account is granted instead. NULL in a tier: no limit (of
-- requests_per_minute: RATE_LIMIT_PER_MINUTE). NULL in an account's row: as its tier.
CREATE TABLE IF NOT EXISTS rate_limits (
  scope                 TEXT    NOT NULL CHECK (scope IN ('tier', 'account')),
  subject               TEXT    NOT NULL,              -- the tier's name, or users.id
  requests_per_minute   INTEGER CHECK (requests_per_minute >= 0),
  tokens_per_minute     INTEGER CHECK (tokens_per_minute >= 0),
  concurrent_requests   INTEGER CHECK (concurrent_requests >= 0),
  requests_per_month    INTEGER CHECK (requests_per_month >= 0),    -- months and days are UTC's
  tokens_per_month      INTEGER CHECK (tokens_per_month >= 0),
  budget_day_nano_usd   INTEGER CHECK (budget_day_nano_usd >= 0),   -- nano-dollars
  budget_month_nano_usd INTEGER CHECK (budget_month_nano_usd >= 0), -- nano-dollars
  PRIMARY KEY (scope, subject)
) STRICT, WITHOUT ROWID;

-- Where the tiers start; what an operator changes stays changed.
INSERT OR IGNORE INTO rate_limits
  (scope, subject, requests_per_minute, tokens_per_minute, concurrent_requests, requests_per_month, tokens_per_month, budget_day_nano_usd, budget_month_nano_usd)
VALUES
  ('tier', 'free',      20,      100000,   4,    10000, 10000000, 1000000000, 5000000000),
  ('tier', 'standard',  NULL,    4000000,  1000, NULL,  NULL,     NULL,       NULL),
  ('tier', 'premium',   6000,    40000000, 5000, NULL,  NULL,     NULL,       NULL),
  ('tier', 'unlimited', 1000000, NULL,     NULL, NULL,  NULL,     NULL,       NULL);

-- Who changed what, when, from where: one row for each change of users, keys and limits, written in
-- the transaction that makes the change. Append-only.
CREATE TABLE IF NOT EXISTS audit_log (
  id            TEXT    PRIMARY KEY,                   -- UUIDv7, so that rows are in order of time
  actor_user_id TEXT    NOT NULL,                      -- the admin's account
  actor_key_id  TEXT    NOT NULL,
  action        TEXT    NOT NULL,                      -- such as key.create
  target        TEXT    NOT NULL,                      -- id of what was changed
  changes       TEXT    NOT NULL CHECK (json_valid(changes)), -- JSON: the fields as they were set; never a key
  address       TEXT,                                  -- the admin's IP address
  request_id    TEXT    NOT NULL,
  created_at    INTEGER NOT NULL                       -- Unix ms
) STRICT, WITHOUT ROWID;

-- The ledger: one row a request, append-only. A row is never changed; redelivered events meet the primary key.
-- WITHOUT ROWID keeps rows in the order of their UUIDv7s: an insert appends and writes one row, and a
-- span of time is a span of the primary key, so that no other index is needed.
CREATE TABLE IF NOT EXISTS usage_logs (
  request_id         TEXT    PRIMARY KEY,              -- ours, UUIDv7; never the provider's
  user_id            TEXT    NOT NULL,                 -- the account billed
  key_id             TEXT    NOT NULL,
  endpoint           TEXT    NOT NULL,                 -- path called, e.g. /v1/chat/completions
  requested_model    TEXT    NOT NULL,
  model              TEXT,                             -- that answered, in the upstream's words; NULL: none did
  provider           TEXT,
  generation_id      TEXT,                             -- the upstream's id
  status             INTEGER NOT NULL,                 -- HTTP; 502: stream broke after its 200; 499: client left
  finish_reason      TEXT,
  input_tokens       INTEGER CHECK (input_tokens >= 0),        -- tokens, cached ones included; NULL: unknown
  output_tokens      INTEGER CHECK (output_tokens >= 0),       -- tokens, reasoning included
  cached_tokens      INTEGER CHECK (cached_tokens >= 0),       -- tokens read from a prompt cache, part of input_tokens
  cache_write_tokens INTEGER CHECK (cache_write_tokens >= 0),  -- tokens written to a prompt cache, part of input_tokens
  reasoning_tokens   INTEGER CHECK (reasoning_tokens >= 0),    -- tokens, part of output_tokens
  cost_nano_usd      INTEGER CHECK (cost_nano_usd >= 0),       -- nano-dollars, all attempts; NULL: unknown, never 0 instead
  extra_cost_nano_usd INTEGER NOT NULL DEFAULT 0 CHECK (extra_cost_nano_usd >= 0), -- nano-dollars, part of cost_nano_usd: attempts of which the client got nothing
  unpriced_attempts  INTEGER NOT NULL DEFAULT 0 CHECK (unpriced_attempts >= 0), -- attempts that may have cost something unknown
  cost               REAL GENERATED ALWAYS AS (cost_nano_usd / 1e9) VIRTUAL, -- dollars, for reading; sums belong to cost_nano_usd
  usage_source       TEXT    NOT NULL CHECK (usage_source IN ('provider', 'reconciled', 'estimated', 'cache', 'unknown')),
  latency_ms         INTEGER NOT NULL,                 -- ms, arrival to last byte
  ttft_ms            INTEGER,                          -- ms, arrival to first event; NULL: none was sent
  attempts           INTEGER NOT NULL,                 -- upstream calls
  created_at         INTEGER NOT NULL                  -- Unix ms, arrival
) STRICT, WITHOUT ROWID;

-- Rollups: sums over the ledger, written in the transaction that writes their ledger rows.
-- The primary key serves the one question asked: an account's usage over a span of time.
CREATE TABLE IF NOT EXISTS usage_rollups_hourly (
  user_id            TEXT    NOT NULL,
  hour               INTEGER NOT NULL,                 -- Unix ms of the hour's start, by created_at
  key_id             TEXT    NOT NULL,
  model              TEXT    NOT NULL,                 -- that answered; the requested one where none did
  requests           INTEGER NOT NULL,                 -- ledger rows
  errors             INTEGER NOT NULL,                 -- of these, status >= 400, a client that left (499) not counted
  unpriced           INTEGER NOT NULL,                 -- of these, with a cost that is not, or not wholly, known: the sum below lacks it
  input_tokens       INTEGER NOT NULL,                 -- tokens
  output_tokens      INTEGER NOT NULL,                 -- tokens
  cached_tokens      INTEGER NOT NULL,                 -- tokens, part of input_tokens
  cache_write_tokens INTEGER NOT NULL,                 -- tokens, part of input_tokens
  reasoning_tokens   INTEGER NOT NULL,                 -- tokens, part of output_tokens
  cost_nano_usd      INTEGER NOT NULL,                 -- nano-dollars
  extra_cost_nano_usd INTEGER NOT NULL,                -- nano-dollars, part of cost_nano_usd
  PRIMARY KEY (user_id, hour, key_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS usage_rollups_daily (
  user_id            TEXT    NOT NULL,
  day                INTEGER NOT NULL,                 -- Unix ms of the UTC day's start, by created_at
  key_id             TEXT    NOT NULL,
  model              TEXT    NOT NULL,                 -- the other columns: as in usage_rollups_hourly
  requests           INTEGER NOT NULL,
  errors             INTEGER NOT NULL,
  unpriced           INTEGER NOT NULL,
  input_tokens       INTEGER NOT NULL,                 -- tokens
  output_tokens      INTEGER NOT NULL,                 -- tokens
  cached_tokens      INTEGER NOT NULL,                 -- tokens
  cache_write_tokens INTEGER NOT NULL,                 -- tokens
  reasoning_tokens   INTEGER NOT NULL,                 -- tokens
  cost_nano_usd      INTEGER NOT NULL,                 -- nano-dollars
  extra_cost_nano_usd INTEGER NOT NULL,                -- nano-dollars, part of cost_nano_usd
  PRIMARY KEY (user_id, day, key_id, model)
) STRICT, WITHOUT ROWID;

-- Messages that could not be used: refused by their schema, or given up by their queue.
CREATE TABLE IF NOT EXISTS dead_letters (
  id         TEXT    PRIMARY KEY,                      -- the message's id, so that storing it again changes nothing
  queue      TEXT    NOT NULL,                         -- that it was taken from
  body       TEXT    NOT NULL,                         -- JSON, as received
  reason     TEXT    NOT NULL,
  attempts   INTEGER NOT NULL,                         -- deliveries from that queue
  created_at INTEGER NOT NULL,                         -- Unix ms, when the message was sent
  stored_at  INTEGER NOT NULL                          -- Unix ms
) STRICT, WITHOUT ROWID;
