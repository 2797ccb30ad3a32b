import type { JsonSchema } from './schemas.ts';
import { ref } from './schemas.ts';

/** Parts of the document that operations share: error answers and headers. */

const ERRORS = {
  400: ['BadRequest', 'The request is not as the schema says, or no model can serve it.'],
  401: ['Unauthorized', 'No key or token, or one that is not valid (any more).'],
  403: ['Forbidden', 'The key has not the permission that the endpoint needs, or the upstream refuses the content.'],
  404: ['NotFound', 'There is no such model, request, account, key, tier, dead letter or archive.'],
  409: ['Conflict', 'The idempotency key or the id was used before, or the key is not active any more.'],
  413: ['PayloadTooLarge', 'The body is longer than 20 MiB.'],
  415: ['UnsupportedMediaType', 'The body is not said to be JSON.'],
  429: [
    'TooManyRequests',
    'A limit or a budget is used up (`insufficient_quota`, with `x-should-retry: false`), here or at the upstream.',
  ],
  503: [
    'ServiceUnavailable',
    'Something that the request needs is away, or every model failed. It may be tried again.',
  ],
  504: ['GatewayTimeout', 'No model answered in time. It may be tried again.'],
} as const;
export type ErrorStatus = keyof typeof ERRORS;

const HEADERS = {
  'x-request-id': "The request's id in logs and in the ledger, a UUIDv7.",
  'x-gateway-model': 'The model that answered. Missing where a stream began before there was an answer.',
  'x-gateway-attempts': 'How many attempts it took.',
  'x-cache': '`HIT`: an answer that was given before. `MISS`: a new one. `BYPASS`: the cache had no part in it.',
  'idempotent-replayed': '`true`: the answer to the first request with this idempotency key.',
  'openai-processing-ms': 'Milliseconds until the answer began.',
  'server-timing': 'Of those, how many the gateway took before it asked, and how many the upstream.',
  'x-billing-closed': '`true`: nothing more is expected to come into the month, see `closed` of the JSON.',
  'x-billing-open-attempts': 'As `open_attempts` of the JSON.',
  'x-billing-unbilled-nano-usd': 'As `unbilled_nano_usd` of the JSON.',
  'x-ratelimit-limit-requests': 'Requests a minute.',
  'x-ratelimit-remaining-requests': 'Requests that are left.',
  'x-ratelimit-reset-requests': 'Until all of them are there again, as in `1.5s` or `6m0s`.',
  'x-ratelimit-limit-tokens': 'Tokens a minute. Missing, as the next two, where they are not limited.',
  'x-ratelimit-remaining-tokens': 'Tokens that are left.',
  'x-ratelimit-reset-tokens': 'Until all of them are there again.',
  'x-ratelimit-limit': 'Requests a minute.',
  'x-ratelimit-remaining': 'Requests that are left.',
  'x-ratelimit-reset': 'When all of them are there again, Unix seconds.',
  'retry-after': 'When trying again makes sense, in seconds.',
  'retry-after-ms': 'The same in milliseconds.',
  'x-should-retry': '`false`: trying again does not help.',
} as const;
export type HeaderName = keyof typeof HEADERS;

const HEADER_NAMES = Object.keys(HEADERS) as HeaderName[];
/** On every answer to a known caller. */
export const RATE_HEADERS = HEADER_NAMES.filter((name) => name.startsWith('x-ratelimit-'));
/** On answers from a model. */
export const GATEWAY_HEADERS = [
  'x-gateway-model',
  'x-gateway-attempts',
  'x-cache',
  'idempotent-replayed',
  'openai-processing-ms',
  'server-timing',
] as const satisfies HeaderName[];
/** On the billing of a month, for CSV has no place of its own for them. */
export const BILLING_HEADERS = [
  'x-billing-closed',
  'x-billing-open-attempts',
  'x-billing-unbilled-nano-usd',
] as const satisfies HeaderName[];
const RETRY_HEADERS = ['retry-after', 'retry-after-ms', 'x-should-retry'] as const satisfies HeaderName[];

const flag = { type: 'boolean' };

/** What steers the gateway, in headers of the generation endpoints. */
const STEERING: Record<string, { description: string; schema: JsonSchema }> = {
  'x-gateway-resume': {
    description:
      'Whether a stream that its provider breaks is continued by another model (chat completions of plain text and one choice). Left out: as the key says.',
    schema: flag,
  },
  'x-gateway-hedge': {
    description:
      'Whether the next candidate is started beside a model that is late, and the first to speak is kept. Left out: as the tier is set up.',
    schema: flag,
  },
  'x-gateway-fallback': {
    description: '`false`: no model answers that the request does not name.',
    schema: flag,
  },
  'x-gateway-cache': {
    description:
      'Whether an answer that was given before may be given again. Left out: only to requests with `temperature: 0` or a `seed` that are not private.',
    schema: flag,
  },
  'x-privacy-mode': {
    description: '`true`: analytics are told lengths instead of content. `false` takes it from no key that has it.',
    schema: flag,
  },
  'x-conversation-id': {
    description: 'Ties requests together in analytics, before `session_id` and `metadata.conversation_id`.',
    schema: { type: 'string', maxLength: 256 },
  },
  'idempotency-key': {
    description:
      'The same request with the same key, within 24 hours, gets the first answer and is billed once; another request with it gets a 409.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  'cache-control': {
    description: '`no-cache`: a new answer, which is kept. `no-store`: the cache is left alone.',
    schema: { type: 'string' },
  },
};

/** Pointers to the headers of an answer, by their names. */
export function headerRefs(names: readonly HeaderName[]): JsonSchema {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

/** Pointers to the headers that steer the gateway. */
export function steeringRefs(): JsonSchema[] {
  return Object.keys(STEERING).map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

/** Pointers to error answers, by their statuses. */
export function errorRefs(statuses: readonly ErrorStatus[]): JsonSchema {
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${ERRORS[status][0]}` }]),
  );
}

/** `components` without its schemas. */
export function sharedComponents(): JsonSchema {
  return {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', description: 'An API key (`sk-…`), or a JWT where they are set up.' },
    },
    headers: Object.fromEntries(
      Object.entries(HEADERS).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
    ),
    parameters: Object.fromEntries(
      Object.entries(STEERING).map(([name, rest]) => [name, { name, in: 'header', ...rest }]),
    ),
    responses: Object.fromEntries(
      Object.entries(ERRORS).map(([status, [name, description]]) => [
        name,
        {
          description,
          headers: headerRefs(['x-request-id', ...(['429', '503', '504'].includes(status) ? RETRY_HEADERS : [])]),
          content: { 'application/json': { schema: ref('Error') } },
        },
      ]),
    ),
  };
}
