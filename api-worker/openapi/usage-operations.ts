import { LATENCY_GROUPS, LatencyQuery } from '../routes/usage/percentiles.ts';
import { GROUPS, UsageQuery } from '../routes/usage/query.ts';
import { RequestsQuery } from '../routes/usage/request-query.ts';
import type { Operation } from './operation.ts';
import { anyOf } from './query-parameters.ts';

type Twice = Pick<Operation, 'description' | 'query' | 'answers' | 'errors' | 'pathExample'>;

/** What is asked about usage; all but the key is there twice, by itself and below the clients' base URL. */
export const USAGE_OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/key',
    id: 'retrieveOwnKey',
    tag: 'Usage',
    summary: 'The key that asks',
    description: 'Whose it is, and what it may do; the same of a token.',
    permission: 'any',
    answers: { 200: { description: 'The key or token.', json: 'KeyInUse' } },
  },
  ...twice('/usage', 'readUsage', 'Usage and limits', {
    description:
      "What the caller's account used, from the ledger, and what its limits leave. As CSV its groups, where a text that a spreadsheet would take for a formula, or that begins with an apostrophe, has an apostrophe before it.",
    query: { schema: UsageQuery, meanings: { group_by: anyOf(GROUPS) } },
    answers: { 200: { description: 'The sums, by group and in total.', json: 'Usage', other: 'text/csv' } },
    errors: [400],
  }),
  ...twice('/usage/latency', 'readUsageLatency', 'Percentiles of latency', {
    description:
      "Of the caller's account, from histograms: a percentile is off by a quarter at most, and usually by far less.",
    query: {
      schema: LatencyQuery,
      meanings: {
        start:
          'From when, included: an ISO date (midnight UTC) or instant, widened to the whole hour. A day ago if left out.',
        group_by: anyOf(LATENCY_GROUPS),
      },
    },
    answers: { 200: { description: 'The percentiles, by group.', json: 'Latency' } },
    errors: [400],
  }),
  ...twice('/usage/requests', 'listRequests', 'List requests', {
    description:
      'The caller\'s account\'s, as they stand in the ledger, corrected, the newest first. A call looks at 50,000 requests of the ledger, in the hours in which the account had any, and so may find fewer than `limit`, even none, though there are more: as long as `has_more`, go on with `last_id`. As CSV, a `Link` with `rel="next"` says so.',
    query: {
      schema: RequestsQuery,
      meanings: {
        limit: '1 to 100; 20 if left out.',
        after: 'The `last_id` of the page before, or the id of a request: only older ones.',
        start: 'From when, included: an ISO date (midnight UTC) or instant. From the beginning if left out.',
        model: 'Only of this model: that was asked for, or that answered.',
        key: 'Only of this key, by its id.',
        outcome: '`error`: a status of 400 or more, but for 499, the client left. `ok`: any other.',
      },
    },
    answers: { 200: { description: 'A page of requests.', json: 'RequestPage', other: 'text/csv' } },
    errors: [400],
  }),
  ...twice('/usage/requests/{id}', 'retrieveReceipt', 'The receipt of a request', {
    description:
      "What it cost, how that was corrected, which of its attempts did not tell their own cost, and the price of its model at its time. Another account's is found by admins alone; rows that have left the database are not.",
    pathExample: '019ab2c3-4d5e-7000-8000-000000000001',
    answers: { 200: { description: 'The receipt.', json: 'Receipt' } },
    errors: [404],
  }),
];

function twice(path: string, id: string, summary: string, rest: Twice): Operation[] {
  const operation = { method: 'get', tag: 'Usage', permission: 'read', ...rest } as const;
  return [
    { ...operation, path, id, summary },
    { ...operation, path: `/v1${path}`, id: `${id}V1`, summary: `${summary}, below the clients' base URL` },
  ];
}
