import { COMPLETIONS_GROUPS, COSTS_GROUPS, CompletionsQuery, CostsQuery } from '../routes/organization-query.ts';
import { ADMIN_OPERATIONS } from './admin-operations.ts';
import { GATEWAY_HEADERS } from './components.ts';
import type { Operation } from './operation.ts';
import { anyOf } from './query-parameters.ts';
import { USAGE_OPERATIONS } from './usage-operations.ts';

const MODEL = 'openai/gpt-5-mini';

/** What the POST endpoints that ask a model have in common. */
const GENERATION = {
  method: 'post',
  tag: 'Generation',
  permission: 'write',
  steered: true,
  errors: [404, 409, 504],
} as const;

const GENERATING: readonly Operation[] = [
  {
    ...GENERATION,
    path: '/v1/chat/completions',
    id: 'createChatCompletion',
    summary: 'Chat completion',
    description:
      "OpenAI's chat completions, streamed or not. Fields that are not listed pass through to OpenRouter. `model` is a model, an alias, or one of the tiers `premium`, `standard` and `budget`. The tools `gateway:calculator`, `gateway:current_time` and `gateway:weather` are run by the gateway itself.",
    body: {
      schema: 'ChatCompletionRequest',
      example: { model: MODEL, messages: [{ role: 'user', content: 'Say hello.' }], stream: true },
    },
    answers: {
      200: {
        description: 'The completion; streamed, its chunks, the last of which is `[DONE]`.',
        json: 'ChatCompletion',
        events: 'ChatCompletionChunk',
        headers: GATEWAY_HEADERS,
      },
    },
  },
  {
    ...GENERATION,
    path: '/v1/completions',
    id: 'createCompletion',
    summary: 'Text completion (legacy)',
    description:
      'Prompts as text, up to 16 choices at once. Answered by chat models, which neither insert (`suffix`) nor take tokens.',
    body: { schema: 'CompletionRequest', example: { model: MODEL, prompt: 'Once upon a time', max_tokens: 64 } },
    answers: {
      200: {
        description: 'The completion; streamed, its chunks, the last of which is `[DONE]`.',
        json: 'Completion',
        events: 'Completion',
        headers: GATEWAY_HEADERS,
      },
    },
  },
  {
    ...GENERATION,
    path: '/v1/responses',
    id: 'createResponse',
    summary: 'Response',
    description:
      "OpenAI's responses, streamed or not, without what would need a response to be kept: `previous_response_id`, `conversation` and `background`.",
    body: { schema: 'ResponseRequest', example: { model: MODEL, input: 'Say hello.' } },
    answers: {
      200: {
        description: 'The response; streamed, its events.',
        json: 'Response',
        events: 'ResponseEvent',
        headers: GATEWAY_HEADERS,
      },
    },
  },
  {
    ...GENERATION,
    path: '/v1/embeddings',
    id: 'createEmbedding',
    summary: 'Embeddings',
    description: 'Only the model that is named answers: vectors of different models cannot be compared.',
    body: { schema: 'EmbeddingRequest', example: { model: 'openai/text-embedding-3-small', input: 'Hello' } },
    answers: { 200: { description: 'The vectors.', json: 'EmbeddingList', headers: GATEWAY_HEADERS } },
  },
  {
    method: 'delete',
    path: '/v1/cache',
    id: 'emptyCache',
    tag: 'Generation',
    summary: 'Empty the cache',
    description: "No answer that was kept for the caller's account is given again.",
    permission: 'write',
    answers: { 200: { description: 'It is empty.', json: 'CacheEmptied' } },
  },
];

const READING: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/models',
    id: 'listModels',
    tag: 'Models',
    summary: 'List the models',
    description: "The gateway's tiers and aliases, then every model of the upstream.",
    permission: 'read',
    answers: { 200: { description: 'The models.', json: 'ModelList' } },
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    id: 'retrieveModel',
    tag: 'Models',
    summary: 'Look up a model',
    description: "The id's slash may be written as it is or encoded.",
    permission: 'read',
    pathExample: MODEL,
    answers: { 200: { description: 'The model.', json: 'Model' } },
    errors: [404],
  },
  {
    method: 'get',
    path: '/v1/organization/usage/completions',
    id: 'organizationUsage',
    tag: 'Organization',
    summary: "All accounts' usage",
    description: 'Accounts are users. There are no projects, batches nor service tiers.',
    permission: 'admin',
    query: {
      schema: CompletionsQuery,
      meanings: {
        group_by: anyOf(COMPLETIONS_GROUPS),
        limit: 'Buckets: 7 days (31 at most) or 24 hours (168) if left out.',
      },
    },
    answers: { 200: { description: 'A page of buckets.', json: 'OrganizationUsage' } },
    errors: [400],
  },
  {
    method: 'get',
    path: '/v1/organization/costs',
    id: 'organizationCosts',
    tag: 'Organization',
    summary: "All accounts' costs",
    description: 'Line items are models.',
    permission: 'admin',
    query: {
      schema: CostsQuery,
      meanings: { group_by: anyOf(COSTS_GROUPS), limit: 'Buckets: 7 if left out, 180 at most.' },
    },
    answers: { 200: { description: 'A page of buckets.', json: 'OrganizationCosts' } },
    errors: [400],
  },
];

const SERVICE: readonly Operation[] = [
  {
    method: 'get',
    path: '/health',
    id: 'health',
    tag: 'Service',
    summary: 'Health',
    permission: null,
    answers: {
      200: { description: 'Requests can be served.', json: 'Health' },
      503: { description: 'They cannot.', json: 'Health' },
    },
  },
  ...open('/openapi.json', 'openApi', 'This description', 'application/json'),
  ...open('/docs', 'docs', 'This description as an interactive page', 'text/html'),
  ...open('/docs/scalar.js', 'docsScalar', "The page's program", 'text/javascript'),
  ...open('/docs/init.js', 'docsInit', "The page's start", 'text/javascript'),
  ...open('/dashboard', 'dashboard', 'The dashboard', 'text/html'),
  ...open('/dashboard/main.js', 'dashboardScript', "The dashboard's program", 'text/javascript'),
  ...open('/dashboard/main.css', 'dashboardStyles', "The dashboard's styles", 'text/css'),
];

/** Every operation there is: a test sees to it that app.ts has no other. */
export const OPERATIONS: readonly Operation[] = [
  ...GENERATING,
  ...READING,
  ...USAGE_OPERATIONS,
  ...ADMIN_OPERATIONS,
  ...SERVICE,
];

function open(path: string, id: string, summary: string, other: string): Operation[] {
  const answers = { 200: { description: `${summary}.`, other } };
  return [{ method: 'get', path, id, tag: 'Service', summary, permission: null, answers }];
}
