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

-- Who changed what, when, from where: one row for each change of users, keys, limits and prices, for each
-- re-rating, and for what was done with dead letters and archives, written in the transaction that does it.
-- Append-only.
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

-- The ledger, append-only: one row a request, and one more for each later correction of it, whose numbers are
-- differences; so that sums over rows are right at any moment. A row is never changed; redelivered events meet
-- the primary key. WITHOUT ROWID keeps rows in the order of their UUIDv7s: an insert appends and writes one row,
-- and a span of time is a span of the primary key, so that no other index is needed.
CREATE TABLE IF NOT EXISTS usage_logs (
  request_id         TEXT    NOT NULL,                 -- ours, UUIDv7; never the provider's
  adjustment         TEXT    NOT NULL DEFAULT '',      -- '': the request's own row; else what the correction is, e.g. 'reconciled 0.1'
  user_id            TEXT    NOT NULL,                 -- the account billed
  key_id             TEXT    NOT NULL,
  endpoint           TEXT    NOT NULL,                 -- path called, e.g. /v1/chat/completions
  requested_model    TEXT    NOT NULL,
  model              TEXT,                             -- that answered, in the upstream's words; NULL: none did
  provider           TEXT,
  generation_id      TEXT,                             -- the upstream's id
  status             INTEGER NOT NULL,                 -- HTTP; 502: stream broke after its 200; 499: client left
  finish_reason      TEXT,
  input_tokens       INTEGER,                          -- tokens, cached ones included; NULL: unknown
  output_tokens      INTEGER,                          -- tokens, reasoning included
  cached_tokens      INTEGER,                          -- tokens read from a prompt cache, part of input_tokens
  cache_write_tokens INTEGER,                          -- tokens written to a prompt cache, part of input_tokens
  reasoning_tokens   INTEGER,                          -- tokens, part of output_tokens
  cost_nano_usd      INTEGER,                          -- nano-dollars, all attempts; NULL: unknown, never 0 instead
  extra_cost_nano_usd INTEGER NOT NULL DEFAULT 0,      -- nano-dollars, part of cost_nano_usd: attempts of which the client got nothing
  unpriced_attempts  INTEGER NOT NULL DEFAULT 0,       -- attempts of which nobody has said for certain what they cost
  cost               REAL GENERATED ALWAYS AS (cost_nano_usd / 1e9) VIRTUAL, -- dollars, for reading; sums belong to cost_nano_usd
  usage_source       TEXT    NOT NULL CHECK (usage_source IN ('provider', 'reconciled', 'estimated', 'cache', 'unknown')),
  latency_ms         INTEGER NOT NULL,                 -- ms, arrival to last byte
  ttft_ms            INTEGER,                          -- ms, arrival to first event; NULL: none was sent
  attempts           INTEGER NOT NULL,                 -- upstream calls; 0 in a correction
  created_at         INTEGER NOT NULL,                 -- Unix ms, arrival; of a correction: the request's
  recorded_at        INTEGER NOT NULL,                 -- Unix ms, when the row was written
  PRIMARY KEY (request_id, adjustment),
  CHECK (adjustment <> '' OR min(coalesce(input_tokens, 0), coalesce(output_tokens, 0), coalesce(cached_tokens, 0),
    coalesce(cache_write_tokens, 0), coalesce(reasoning_tokens, 0), coalesce(cost_nano_usd, 0),
    extra_cost_nano_usd, unpriced_attempts) >= 0)
) STRICT, WITHOUT ROWID;

-- Upstream calls that did not tell their own cost, with what the ledger holds for each of them at present. They
-- are asked for later (pending), and adjusted in the ledger by what comes of it.
CREATE TABLE IF NOT EXISTS unpriced_attempts (
  request_id         TEXT    NOT NULL,
  attempt            INTEGER NOT NULL,                 -- among the request's unpriced ones, from 0
  model              TEXT    NOT NULL,                 -- to be looked up in model_prices
  generation_id      TEXT,                             -- the upstream's id; NULL: there is nothing to ask by
  usage_source       TEXT    NOT NULL CHECK (usage_source IN ('provider', 'reconciled', 'estimated')), -- of the tokens
  input_tokens       INTEGER,                          -- this and the others: as in usage_logs
  output_tokens      INTEGER,
  cached_tokens      INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens   INTEGER,
  images             INTEGER NOT NULL DEFAULT 0,       -- in the request
  relayed            INTEGER NOT NULL CHECK (relayed IN (0, 1)), -- 0: its cost is part of extra_cost_nano_usd
  cost_nano_usd      INTEGER,                          -- nano-dollars; NULL: the model's price is not known
  state              TEXT    NOT NULL CHECK (state IN (
    'pending',                                         -- estimated; the upstream will be asked
    'reconciled',                                      -- the upstream has said
    'given_up',                                        -- it never did, or there is nothing to ask by: the estimate stands
    'priced',                                          -- the upstream's tokens at the price book's prices
    'no_price')),                                      -- the upstream's tokens, and no price for the model: cost_nano_usd is NULL
  revision           INTEGER NOT NULL DEFAULT 0,       -- corrections so far; what makes each of them happen once
  asked              INTEGER NOT NULL DEFAULT 0,       -- times that the upstream was asked
  created_at         INTEGER NOT NULL,                 -- Unix ms, of the request
  updated_at         INTEGER NOT NULL,                 -- Unix ms
  PRIMARY KEY (request_id, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unpriced_attempts_open ON unpriced_attempts (state, updated_at) WHERE state IN ('pending', 'no_price', 'given_up');
CREATE INDEX IF NOT EXISTS unpriced_attempts_without_cost ON unpriced_attempts (model) WHERE cost_nano_usd IS NULL;

-- Rollups: sums over the ledger, written in the transaction that writes their ledger rows.
-- The primary keys begin with the period: what is written now lies together, on as few pages after millions of rows
-- as on the first day. With the account first, each row of a batch would be on a page of its own, and writing those is
-- most of what a batch then costs. An account's usage over a span of time is a seek each hour or day of it
-- (shared/periods.ts). Tables that have the account first must be rebuilt, which this file does not do
-- (docs/decisions/0009-rollups-begin-with-their-period.md).
CREATE TABLE IF NOT EXISTS usage_rollups_hourly (
  user_id            TEXT    NOT NULL,
  hour               INTEGER NOT NULL,                 -- Unix ms of the hour's start, by created_at
  key_id             TEXT    NOT NULL,
  model              TEXT    NOT NULL,                 -- that answered; the requested one where none did
  requests           INTEGER NOT NULL,                 -- ledger rows that are no corrections
  errors             INTEGER NOT NULL,                 -- of these, status >= 400, a client that left (499) not counted
  unpriced_attempts  INTEGER NOT NULL,                 -- what they cost is missing below, or estimated
  input_tokens       INTEGER NOT NULL,                 -- tokens
  output_tokens      INTEGER NOT NULL,                 -- tokens
  cached_tokens      INTEGER NOT NULL,                 -- tokens, part of input_tokens
  cache_write_tokens INTEGER NOT NULL,                 -- tokens, part of input_tokens
  reasoning_tokens   INTEGER NOT NULL,                 -- tokens, part of output_tokens
  cost_nano_usd      INTEGER NOT NULL,                 -- nano-dollars
  extra_cost_nano_usd INTEGER NOT NULL,                -- nano-dollars, part of cost_nano_usd
  PRIMARY KEY (hour, user_id, key_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS usage_rollups_daily (
  user_id            TEXT    NOT NULL,
  day                INTEGER NOT NULL,                 -- Unix ms of the UTC day's start, by created_at
  key_id             TEXT    NOT NULL,
  model              TEXT    NOT NULL,                 -- the other columns: as in usage_rollups_hourly
  requests           INTEGER NOT NULL,
  errors             INTEGER NOT NULL,
  unpriced_attempts  INTEGER NOT NULL,
  input_tokens       INTEGER NOT NULL,                 -- tokens
  output_tokens      INTEGER NOT NULL,                 -- tokens
  cached_tokens      INTEGER NOT NULL,                 -- tokens
  cache_write_tokens INTEGER NOT NULL,                 -- tokens
  reasoning_tokens   INTEGER NOT NULL,                 -- tokens
  cost_nano_usd      INTEGER NOT NULL,                 -- nano-dollars
  extra_cost_nano_usd INTEGER NOT NULL,                -- nano-dollars, part of cost_nano_usd
  PRIMARY KEY (day, user_id, key_id, model)
) STRICT, WITHOUT ROWID;

-- Histograms of how long requests took, by hour: percentiles can be asked for over any span, key or model.
CREATE TABLE IF NOT EXISTS usage_latency_hourly (
  user_id            TEXT    NOT NULL,
  hour               INTEGER NOT NULL,                 -- Unix ms of the hour's start, by created_at
  key_id             TEXT    NOT NULL,
  model              TEXT    NOT NULL,                 -- as in usage_rollups_hourly
  measure            TEXT    NOT NULL CHECK (measure IN ('latency', 'ttft')), -- to the last byte, to the first event
  up_to_ms           INTEGER NOT NULL,                 -- ms, the bucket's upper end (shared/latency.ts); the one before is its lower
  requests           INTEGER NOT NULL,
  PRIMARY KEY (hour, user_id, key_id, model, measure, up_to_ms)
) STRICT, WITHOUT ROWID;

-- What models cost, and since when: a row holds until the model's next one begins. Prices are the upstream's
-- decimal strings, dollars for a token, an image or a request; NULL: none listed.
CREATE TABLE IF NOT EXISTS model_prices (
  model              TEXT    NOT NULL,                 -- as it is requested
  valid_from         INTEGER NOT NULL,                 -- Unix ms; 0: the first that was known, for all time before
  canonical_slug     TEXT,                             -- the dated name under which answers may come
  prompt             TEXT,                             -- a token of the prompt
  completion         TEXT,                             -- a token of the answer
  input_cache_read   TEXT,                             -- a token read from a prompt cache; NULL: as prompt
  input_cache_write  TEXT,                             -- a token written to one; NULL: as prompt
  internal_reasoning TEXT,                             -- a token of reasoning; NULL or 0: as completion
  image              TEXT,                             -- an image in the prompt
  request            TEXT,                             -- the request itself
  overrides          TEXT CHECK (json_valid(overrides)), -- JSON array: other prices under conditions, as the upstream lists them
  source             TEXT    NOT NULL CHECK (source IN ('upstream', 'operator')),
  created_at         INTEGER NOT NULL,                 -- Unix ms
  PRIMARY KEY (model, valid_from)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS model_prices_by_slug ON model_prices (canonical_slug, valid_from);

-- The ledger beside the upstream's own account of us, once a day. Both are totals since their beginning: what
-- tells is how the difference changes from one row to the next.
CREATE TABLE IF NOT EXISTS account_comparisons (
  compared_at         INTEGER PRIMARY KEY,             -- Unix ms
  upstream_nano_usd   INTEGER NOT NULL,                -- nano-dollars, `usage` of GET /key
  ledger_nano_usd     INTEGER NOT NULL,                -- nano-dollars, of the rollups
  difference_nano_usd INTEGER NOT NULL,                -- nano-dollars, upstream - ledger
  drift_nano_usd      INTEGER NOT NULL                 -- nano-dollars, by how much the difference has changed since the row before
) STRICT;

-- Ledger rows that were moved out after LEDGER_RETENTION_DAYS, and the unpriced attempts of their requests: where
-- they are. Written before the first of them is deleted, and taken back if their requests change before that.
-- Rollups stay.
CREATE TABLE IF NOT EXISTS ledger_archives (
  object           TEXT    PRIMARY KEY,                -- the key in R2 of gzipped NDJSON, a row of either table a line
  first_request_id TEXT    NOT NULL,
  last_request_id  TEXT    NOT NULL,
  rows             INTEGER NOT NULL,                   -- of the ledger, corrections included
  cost_nano_usd    INTEGER NOT NULL,                   -- nano-dollars, their sum
  sha256           TEXT    NOT NULL,                   -- of the object's bytes, lower-case hex
  archived_at      INTEGER NOT NULL,                   -- Unix ms
  deleted_at       INTEGER,                            -- Unix ms, when the rows had left D1; NULL: not yet
  restored_at      INTEGER                             -- Unix ms, when they were last brought back; NULL: never. Later than deleted_at: they are in D1
) STRICT, WITHOUT ROWID;

-- The state of each alert: what is told is a change of it.
CREATE TABLE IF NOT EXISTS alerts (
  name          TEXT    PRIMARY KEY,                   -- e.g. error_rate
  state         TEXT    NOT NULL CHECK (state IN ('ok', 'firing')),
  value         REAL,                                  -- as last measured, in the alert's own unit; NULL: could not be
  threshold     REAL    NOT NULL,
  changed_at    INTEGER NOT NULL,                      -- Unix ms, when the state last changed
  told_at       INTEGER,                               -- Unix ms, when that change was told; NULL: not yet. What began as ok needs no telling
  claimed_until INTEGER,                               -- Unix ms, until then the run that is telling it has it for itself; NULL: none is
  checked_at    INTEGER NOT NULL                       -- Unix ms
) STRICT, WITHOUT ROWID;

-- Messages that could not be used: refused by their schema, or given up by their queue. Thirty days after they were
-- replayed or discarded, they are deleted.
CREATE TABLE IF NOT EXISTS dead_letters (
  id         TEXT    PRIMARY KEY,                      -- the message's id, so that storing it again changes nothing
  queue      TEXT    NOT NULL,                         -- that it was taken from
  body       TEXT    NOT NULL CHECK (json_valid(body)), -- JSON, as received; of analytics without content
  reason     TEXT    NOT NULL,
  attempts   INTEGER NOT NULL,                         -- deliveries from that queue
  created_at INTEGER NOT NULL,                         -- Unix ms, when the message was sent
  stored_at  INTEGER NOT NULL,                         -- Unix ms
  state      TEXT    NOT NULL DEFAULT 'stuck' CHECK (state IN ('stuck', 'replayed', 'discarded')),
  state_at   INTEGER,                                  -- Unix ms, when it was replayed or discarded
  request_id TEXT GENERATED ALWAYS AS (CASE json_type(body, '$.request_id') WHEN 'text' THEN body ->> '$.request_id' END) VIRTUAL,
  cost_nano_usd INTEGER GENERATED ALWAYS AS (CASE json_type(body, '$.cost_nano_usd') WHEN 'integer' THEN body ->> '$.cost_nano_usd' END) VIRTUAL -- nano-dollars that are not billed while it is stuck
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dead_letters_by_state ON dead_letters (state, created_at, id);

-- Views, for whoever reads the database directly. Sums belong to cost_nano_usd; cost is dollars, for reading.

-- The lines of the invoices: what GET /admin/billing answers.
CREATE VIEW IF NOT EXISTS billing_monthly AS
  SELECT strftime('%Y-%m', day / 1000, 'unixepoch') AS month, -- UTC
         user_id,
         model,
         sum(requests) AS requests,
         sum(errors) AS errors,
         sum(unpriced_attempts) AS unpriced_attempts,
         sum(input_tokens) AS input_tokens,
         sum(output_tokens) AS output_tokens,
         sum(cached_tokens) AS cached_tokens,
         sum(cache_write_tokens) AS cache_write_tokens,
         sum(reasoning_tokens) AS reasoning_tokens,
         sum(cost_nano_usd) AS cost_nano_usd,
         sum(extra_cost_nano_usd) AS extra_cost_nano_usd,
         sum(cost_nano_usd) / 1e9 AS cost
    FROM usage_rollups_daily
   GROUP BY 1, 2, 3;

-- What each account costs a day.
CREATE VIEW IF NOT EXISTS daily_costs AS
  SELECT strftime('%Y-%m-%d', day / 1000, 'unixepoch') AS day, -- UTC
         user_id,
         sum(requests) AS requests,
         sum(errors) AS errors,
         sum(unpriced_attempts) AS unpriced_attempts,
         sum(cost_nano_usd) AS cost_nano_usd,
         sum(cost_nano_usd) / 1e9 AS cost
    FROM usage_rollups_daily
   GROUP BY usage_rollups_daily.day, user_id;

-- One row a request that is in the ledger, as all of its corrections leave it. Ask for a span of request_id: they are in order of time.
CREATE VIEW IF NOT EXISTS request_costs AS
  SELECT own.request_id,
         own.user_id,
         own.key_id,
         own.endpoint,
         own.requested_model,
         own.model,
         own.status,
         own.created_at,                               -- Unix ms
         count(*) - 1 AS corrections,
         sum(part.input_tokens) AS input_tokens,       -- NULL, here and below: unknown
         sum(part.output_tokens) AS output_tokens,
         sum(part.cached_tokens) AS cached_tokens,
         sum(part.cache_write_tokens) AS cache_write_tokens,
         sum(part.reasoning_tokens) AS reasoning_tokens,
         sum(part.cost_nano_usd) AS cost_nano_usd,
         sum(part.extra_cost_nano_usd) AS extra_cost_nano_usd,
         sum(part.unpriced_attempts) AS unpriced_attempts,
         sum(part.cost_nano_usd) / 1e9 AS cost
    FROM usage_logs AS own JOIN usage_logs AS part ON part.request_id = own.request_id
   WHERE own.adjustment = ''
   GROUP BY own.request_id;

-- What is not billed because its message is stuck, by the queue that it was taken from: what GET
-- /admin/dead-letters/summary says of the stuck. Only usage events bill, what the ledger holds is billed, and a
-- request of which several letters tell counts once.
CREATE VIEW IF NOT EXISTS stuck_money AS
  SELECT queue,
         count(*) AS messages,
         min(created_at) AS oldest_at,                 -- Unix ms
         sum(CASE place WHEN 1 THEN unbilled ELSE 0 END) AS cost_nano_usd,
         sum(CASE place WHEN 1 THEN unbilled ELSE 0 END) / 1e9 AS cost
    FROM (SELECT *, row_number() OVER (PARTITION BY coalesce(request_id, id) ORDER BY unbilled DESC, id) AS place
            FROM (SELECT *,
                         CASE WHEN queue GLOB 'openai-api-usage*'
                                   AND NOT EXISTS (SELECT 1 FROM usage_logs
                                                    WHERE request_id = letter.request_id AND adjustment = '')
                              THEN coalesce(cost_nano_usd, 0) ELSE 0 END AS unbilled
                    FROM dead_letters AS letter
                   WHERE state = 'stuck'))
   GROUP BY queue;
