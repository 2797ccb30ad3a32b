import type * as z from 'zod';
import { ComparisonsQuery } from '../routes/admin/account-comparisons.ts';
import { AuditQuery } from '../routes/admin/audit-log.ts';
import { BillingQuery } from '../routes/admin/billing.ts';
import { LettersQuery, LettersSummaryQuery } from '../routes/admin/dead-letters/letters.ts';
import { KeysQuery } from '../routes/admin/keys.ts';
import { ArchivesQuery } from '../routes/admin/ledger-archives.ts';
import { PageQuery } from '../routes/admin/page.ts';
import { PricesQuery } from '../routes/admin/prices.ts';
import { LATENCY_GROUPS, LatencyQuery } from '../routes/usage/percentiles.ts';
import { BILLING_HEADERS, type ErrorStatus, type HeaderName } from './components.ts';
import type { Operation } from './operation.ts';
import { anyOf } from './query-parameters.ts';
import type { SchemaName } from './schemas.ts';

type Rest = Pick<Operation, 'description' | 'body' | 'query' | 'pathExample'> & {
  /** What it answers with, at which status if not 200; and as what else. */
  json: SchemaName;
  other?: string;
  headers?: readonly HeaderName[];
  status?: 200 | 201;
  errors?: readonly ErrorStatus[];
};

const USER = { pathExample: 'ada', errors: [404] } as const;
const KEY = { pathExample: 'key_0199…', errors: [404] } as const;
const KEY_FIELDS =
  '`permissions`: `read` and `write` unless others are named. `rate_limit`: requests a minute of this key alone. `expires_at`: Unix seconds.';

/** What admins do: accounts, keys and tiers, prices and bills, dead letters and archives. */
export const ADMIN_OPERATIONS: readonly Operation[] = [
  admin('get', '/admin/users', 'listUsers', 'List accounts', { query: paged(PageQuery), json: 'UserPage' }),
  admin('post', '/admin/users', 'createUser', 'Create an account', {
    description: 'Without an `id` it gets one. Its limits are those of its tier, but for those that are named here.',
    body: { schema: 'UserCreation', example: { id: 'ada', tier: 'premium' } },
    json: 'User',
    status: 201,
    errors: [409],
  }),
  admin('get', '/admin/users/{id}', 'retrieveUser', 'Look up an account', { ...USER, json: 'User' }),
  admin('patch', '/admin/users/{id}', 'updateUser', 'Change an account', {
    ...USER,
    description: 'Of an inactive account no key is accepted.',
    body: { schema: 'UserChange', example: { limits: { budget_month_nano_usd: 50_000_000_000 } } },
    json: 'User',
  }),
  admin('post', '/admin/users/{id}/keys', 'createKey', 'Create a key', {
    ...USER,
    description: `The answer is the only place where the key is shown. ${KEY_FIELDS}`,
    body: { schema: 'KeyCreation', example: { name: 'laptop' } },
    json: 'NewKey',
    status: 201,
  }),
  admin('get', '/admin/keys', 'listKeys', 'List keys', {
    description: 'Revoked ones included.',
    query: paged(KeysQuery, { user_id: 'Only of this account.' }),
    json: 'KeyPage',
  }),
  admin('get', '/admin/keys/{id}', 'retrieveKey', 'Look up a key', { ...KEY, json: 'Key' }),
  admin('patch', '/admin/keys/{id}', 'updateKey', 'Change a key', {
    ...KEY,
    description: KEY_FIELDS,
    body: { schema: 'KeyChange', example: { rate_limit: 60 } },
    json: 'Key',
  }),
  admin('delete', '/admin/keys/{id}', 'revokeKey', 'Revoke a key', {
    ...KEY,
    description: 'It is refused everywhere within 60 seconds.',
    json: 'KeyRevoked',
  }),
  admin('post', '/admin/keys/{id}/rotate', 'rotateKey', 'Rotate a key', {
    ...KEY,
    description: 'A new key like it; the old one works on for `overlap_seconds`.',
    body: { schema: 'KeyRotation', example: { overlap_seconds: 3600 } },
    json: 'RotatedKey',
    status: 201,
    errors: [404, 409],
  }),
  admin('get', '/admin/tiers', 'listTiers', 'List the tiers', { json: 'TierList' }),
  admin('patch', '/admin/tiers/{id}', 'updateTier', "Change a tier's limits", {
    description: 'In force for all its accounts within 60 seconds. Null: no limit.',
    pathExample: 'free',
    body: { schema: 'TierChange', example: { requests_per_minute: 20 } },
    json: 'Tier',
    errors: [404],
  }),
  admin('get', '/admin/prices', 'listPrices', 'Read the price book', {
    description:
      "What models cost, and since when, by model and time. It prices what the upstream does not; the upstream's list is read every night.",
    query: paged(PricesQuery, { model: 'Only of this model.' }),
    json: 'ModelPricePage',
  }),
  admin('post', '/admin/prices', 'setPrice', 'Set the prices of a model', {
    description:
      'Dollars for a token, an image or a request, as decimal strings, from `valid_from` (Unix seconds; now if left out). They hold until others are set, or until the upstream changes the price that it lists. Attempts from before are re-rated by `POST /admin/rerate`.',
    body: {
      schema: 'PriceSetting',
      example: { model: 'openai/gpt-5-mini', prompt: '0.00000025', completion: '0.000002' },
    },
    json: 'ModelPrice',
    status: 201,
    errors: [409],
  }),
  admin('post', '/admin/rerate', 'rerate', 'Re-rate a period', {
    description:
      'The attempts that the upstream did not price get the prices that the price book has for their time by now, up to 500 a call: go on with `after`, the `next` of the answer. With `dry_run`, as if left out, nothing is written. What the upstream has said is not touched; corrections are rows of their own in the ledger.',
    body: { schema: 'RerateRequest', example: { from: '2026-11-01', to: '2026-12-01', dry_run: true } },
    json: 'Rerating',
  }),
  admin('get', '/admin/audit-log', 'listAuditLog', 'Read the audit log', {
    description:
      'Every change of accounts, keys, tiers and prices, every re-rating, and what was done with dead letters and archives, the newest first.',
    query: paged(AuditQuery),
    json: 'AuditLogPage',
  }),
  admin('get', '/admin/dead-letters', 'listDeadLetters', 'List dead letters', {
    description: 'Messages that could not be used, without their bodies, the oldest first.',
    query: paged(LettersQuery),
    json: 'DeadLetterPage',
  }),
  admin('get', '/admin/dead-letters/summary', 'summarizeDeadLetters', 'Sum up dead letters', {
    description: 'By queue and state: how many, since when, and what is not billed for them.',
    query: { schema: LettersSummaryQuery },
    json: 'DeadLetterSummary',
  }),
  admin('get', '/admin/dead-letters/{id}', 'retrieveDeadLetter', 'Look up a dead letter', {
    pathExample: 'd0e1…',
    description: 'With the body of the message, which of analytics may hold content.',
    json: 'DeadLetter',
    errors: [404],
  }),
  admin('post', '/admin/dead-letters/replay', 'replayDeadLetters', 'Replay dead letters', {
    description:
      'What is valid goes back to the queue that it came from; of what was replayed or discarded before, only what `ids` name. A request is billed once however often it is replayed.',
    body: { schema: 'DeadLetterSelection', example: { filter: { queue: 'usage' }, dry_run: true } },
    json: 'DeadLetterChanges',
    errors: [404],
  }),
  admin('post', '/admin/dead-letters/discard', 'discardDeadLetters', 'Discard dead letters', {
    description: 'They are kept, and no longer stuck.',
    body: { schema: 'DeadLetterSelection', example: { ids: ['d0e1…'] } },
    json: 'DeadLetterChanges',
    errors: [404],
  }),
  admin('get', '/admin/billing', 'exportBilling', 'Export the billing of a month', {
    description:
      'By account and model, from the rollups: to the nano-dollar what the ledger holds. As CSV if `format` or `Accept` says so, where a text that a spreadsheet would take for a formula, or that begins with an apostrophe, has an apostrophe before it.',
    query: {
      schema: BillingQuery,
      meanings: { month: 'A month of UTC.', user_id: 'Only of this account.' },
    },
    json: 'Billing',
    other: 'text/csv',
    headers: BILLING_HEADERS,
    errors: [400],
  }),
  admin('get', '/admin/latency', 'queryLatency', 'Ask for percentiles of latency', {
    description: 'From histograms: a percentile is off by a quarter at most, and usually by far less.',
    query: {
      schema: LatencyQuery,
      meanings: {
        start:
          'From when, included: an ISO date (midnight UTC) or instant, widened to the whole hour. A day ago if left out.',
        user_id: 'Only of this account.',
        group_by: anyOf(LATENCY_GROUPS),
      },
    },
    json: 'Latency',
    errors: [400],
  }),
  admin('get', '/admin/alerts', 'listAlerts', 'List the alerts', {
    description:
      'Those that are on, as they were last measured. `error_rate` is in percent, `latency_p95` in milliseconds, `queue_backlog` and `dead_letters` in messages, `missing_prices` and `given_up` in attempts, `spend_jump` in usual hours, `account_drift` in dollars.',
    json: 'AlertList',
  }),
  admin('get', '/admin/account-comparisons', 'listAccountComparisons', 'Read the daily comparisons with the upstream', {
    description:
      "The ledger's total beside what the upstream says that our key has spent, day by day, the newest first.",
    query: paged(ComparisonsQuery),
    json: 'AccountComparisonPage',
  }),
  admin('get', '/admin/upstream', 'retrieveUpstream', 'See how the upstream is', {
    description:
      'Whether it answers and takes our key, which of its models are passed over because their calls keep failing, and how its account of us last stood beside the ledger.',
    json: 'Upstream',
  }),
  admin('get', '/admin/ledger-archives', 'listLedgerArchives', 'List the archives of the ledger', {
    description: 'Ledger rows that were moved to R2 after `LEDGER_RETENTION_DAYS`, the oldest first.',
    query: paged(ArchivesQuery, { request_id: 'Only those that may hold the rows of this request.' }),
    json: 'LedgerArchivePage',
  }),
  admin('post', '/admin/ledger-archives/{id}/restore', 'restoreLedgerArchive', 'Restore an archive of the ledger', {
    description:
      'Its rows come back into the database as they were, all or none, for a week; again prolongs that. Write the slashes of the id as `%2F` or as they are.',
    pathExample: 'ledger/2026/11/24/….ndjson.gz',
    body: { schema: 'LedgerRestoration', example: {} },
    json: 'LedgerArchive',
    errors: [404, 409],
  }),
];

function paged(schema: z.ZodType, meanings: Record<string, string> = {}) {
  return { schema, meanings: { limit: '1 to 100; 20 if left out.', ...meanings } };
}

function admin(
  method: Operation['method'],
  path: string,
  id: string,
  summary: string,
  { json, other, headers, status = 200, errors = [], ...rest }: Rest,
): Operation {
  const description = status === 201 ? 'Created.' : 'Done.';
  const answers = { [status]: { description, json, ...(other && { other }), ...(headers && { headers }) } };
  return { method, path, id, tag: 'Administration', summary, permission: 'admin', ...rest, answers, errors };
}
