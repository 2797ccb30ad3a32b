/** A parameter of a request, and a value of it that the official schema takes. */
export interface Parameter {
  name: string;
  value: unknown;
  /** Which value that is, where another fares otherwise. */
  which?: string;
  /** What else the request must say. */
  beside?: Record<string, unknown>;
  /** What the gateway makes of it, where it neither arrives upstream as it was nor is refused. */
  handled?: string;
}

/** An endpoint with all that a request to it may say. */
export interface Parameters {
  path: string;
  /** Its request in OpenAI's description of the API. */
  schema: string;
  /** What a request must say at least. */
  base: Record<string, unknown>;
  official: readonly Parameter[];
  /** OpenRouter's and ours, of which the official schema knows nothing. */
  others: readonly Parameter[];
}

/** Names that the system under test gives to models. */
export const ALIASES = { quick: 'openai/gpt-4o-mini', vectors: 'openai/text-embedding-3-small' };

const MODEL = 'openai/gpt-5-mini';
const MESSAGES = [{ role: 'user', content: 'Hello' }];
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } } };
const FUNCTION = { name: 'book_flight', parameters: SCHEMA };
const USER = 'user-7';

const chosen = 'an alias or tier becomes its model, and each candidate is tried under its own name';
const oneByOne = 'gone through one by one: upstream gets one `model` at a time';

/** Of both Chat Completions and Responses. */
const modelResponse: readonly Parameter[] = [
  { name: 'metadata', value: { ticket: '42' } },
  { name: 'top_logprobs', value: 2, beside: { logprobs: true } },
  { name: 'temperature', value: 0.7 },
  { name: 'top_p', value: 0.9 },
  { name: 'user', value: USER },
  { name: 'safety_identifier', value: 'a1b2' },
  { name: 'prompt_cache_key', value: 'greeting' },
  { name: 'prompt_cache_retention', value: '24h' },
  { name: 'prompt_cache_options', value: { mode: 'implicit', ttl: '30m' } },
  { name: 'model', value: 'quick', which: 'an alias', handled: chosen },
  { name: 'model', value: 'standard', which: 'a tier', handled: chosen },
  { name: 'model', value: MODEL, which: 'a model' },
  { name: 'service_tier', value: 'flex' },
  { name: 'moderation', value: { model: 'omni-moderation-latest' } },
  { name: 'stream', value: true },
  { name: 'store', value: false },
  { name: 'parallel_tool_calls', value: false },
];

/** Of Chat Completions and of legacy completions. */
const sampling: readonly Parameter[] = [
  { name: 'frequency_penalty', value: 0.5 },
  { name: 'presence_penalty', value: -0.5 },
  { name: 'logit_bias', value: { '50256': -100 } },
  { name: 'max_tokens', value: 50 },
  { name: 'seed', value: 7 },
  { name: 'stop', value: ['END'] },
  { name: 'stream_options', value: { include_usage: true }, beside: { stream: true } },
];

const chat: readonly Parameter[] = [
  ...modelResponse,
  ...sampling,
  { name: 'messages', value: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] },
  { name: 'modalities', value: ['text'] },
  { name: 'verbosity', value: 'low' },
  { name: 'reasoning_effort', value: 'low' },
  { name: 'max_completion_tokens', value: 50 },
  { name: 'web_search_options', value: { search_context_size: 'low' } },
  { name: 'response_format', value: { type: 'json_schema', json_schema: { name: 'trip', schema: SCHEMA } } },
  { name: 'audio', value: { voice: 'alloy', format: 'mp3' } },
  { name: 'logprobs', value: true },
  { name: 'n', value: 2 },
  { name: 'prediction', value: { type: 'content', content: 'Hello' } },
  { name: 'tools', value: [{ type: 'function', function: FUNCTION }], which: 'functions' },
  { name: 'tools', value: [{ type: 'custom', custom: { name: 'sql' } }], which: 'custom' },
  { name: 'tool_choice', value: 'none', beside: { tools: [{ type: 'function', function: FUNCTION }] } },
  { name: 'function_call', value: 'none', beside: { functions: [FUNCTION] } },
  { name: 'functions', value: [FUNCTION] },
];

const completions: readonly Parameter[] = [
  ...sampling,
  { name: 'model', value: 'quick', which: 'an alias', handled: chosen },
  { name: 'model', value: 'standard', which: 'a tier', handled: chosen },
  { name: 'model', value: MODEL, which: 'a model' },
  { name: 'prompt', value: 'Hello', which: 'text', handled: 'becomes a chat message of the user' },
  { name: 'prompt', value: ['Hello', 'Bye'], which: 'texts', handled: 'each becomes a chat of its own' },
  { name: 'prompt', value: [9906], which: 'tokens' },
  { name: 'prompt', value: [[9906], [19526]], which: 'arrays of tokens' },
  { name: 'best_of', value: 1, which: 'at most `n`', handled: 'needs nothing done: all that are made are given' },
  { name: 'best_of', value: 2, which: 'above `n`' },
  { name: 'echo', value: true, handled: 'the gateway puts the prompt before the answer' },
  { name: 'logprobs', value: 2 },
  { name: 'n', value: 2, handled: 'a chat for each choice' },
  { name: 'stream', value: true },
  { name: 'suffix', value: ' of the story' },
  { name: 'temperature', value: 0.7 },
  { name: 'top_p', value: 0.9 },
  { name: 'user', value: USER },
];

const responses: readonly Parameter[] = [
  ...modelResponse,
  { name: 'previous_response_id', value: 'resp_1' },
  { name: 'background', value: true, which: '`true`' },
  { name: 'background', value: false, which: '`false`' },
  { name: 'max_tool_calls', value: 3 },
  { name: 'text', value: { format: { type: 'text' }, verbosity: 'low' } },
  { name: 'tools', value: [{ type: 'function', ...FUNCTION, strict: false }], which: 'functions' },
  { name: 'tools', value: [{ type: 'web_search' }], which: 'of the upstream' },
  { name: 'tool_choice', value: 'none' },
  { name: 'prompt', value: { id: 'pmpt_1', variables: { city: 'Oslo' } } },
  { name: 'truncation', value: 'auto' },
  { name: 'reasoning', value: { effort: 'low', summary: 'auto' } },
  { name: 'input', value: [{ type: 'message', role: 'user', content: 'Hello' }] },
  { name: 'include', value: ['reasoning.encrypted_content'] },
  { name: 'instructions', value: 'Be brief.' },
  { name: 'stream_options', value: { include_obfuscation: false }, beside: { stream: true } },
  { name: 'conversation', value: 'conv_1' },
  { name: 'context_management', value: [{ type: 'compaction', compact_threshold: 100_000 }] },
  { name: 'max_output_tokens', value: 50 },
];

const embeddings: readonly Parameter[] = [
  { name: 'input', value: 'Hello', which: 'text' },
  { name: 'input', value: ['Hello', 'Bye'], which: 'texts' },
  { name: 'input', value: [9906], which: 'tokens' },
  { name: 'input', value: [[9906], [19526]], which: 'arrays of tokens' },
  { name: 'model', value: 'vectors', which: 'an alias', handled: 'an alias becomes its model; no other is tried' },
  { name: 'model', value: 'standard', which: 'a tier' },
  { name: 'model', value: 'openai/text-embedding-3-large', which: 'a model' },
  { name: 'encoding_format', value: 'base64' },
  { name: 'dimensions', value: 4 },
  { name: 'user', value: USER },
];

const models: Parameter = { name: 'models', value: ['google/gemini-2.5-flash', MODEL], handled: oneByOne };

/** What OpenRouter takes. */
const openRouter: readonly Parameter[] = [
  { name: 'provider', value: { order: ['azure'], allow_fallbacks: false, data_collection: 'deny', zdr: true } },
  { name: 'plugins', value: [{ id: 'web', max_results: 2 }] },
  { name: 'route', value: 'fallback' },
  { name: 'top_k', value: 40 },
  { name: 'top_a', value: 0.1 },
  { name: 'min_p', value: 0.05 },
  { name: 'repetition_penalty', value: 1.1 },
  { name: 'session_id', value: 'session-1' },
  { name: 'usage', value: { include: true } },
  { name: 'transforms', value: ['middle-out'] },
  { name: 'cache_control', value: { type: 'ephemeral' } },
  { name: 'image_config', value: { aspect_ratio: '16:9' } },
  { name: 'trace', value: { trace_id: 't1' } },
  { name: 'a_field_of_tomorrow', value: { of: ['any', 'kind'] }, which: 'or any other that is not named here' },
];

const reasoning: readonly Parameter[] = [
  { name: 'reasoning', value: { max_tokens: 100, exclude: true } },
  { name: 'include_reasoning', value: true },
  { name: 'structured_outputs', value: true },
];

const gatewayTools = [{ type: 'gateway:calculator' }, { type: 'function', function: FUNCTION }];
const gatewayTool = { name: 'tools', which: "the gateway's", value: [{ type: 'gateway:calculator' }] };

export const PARAMETERS: readonly Parameters[] = [
  {
    path: '/v1/chat/completions',
    schema: 'CreateChatCompletionRequest',
    base: { model: MODEL, messages: MESSAGES },
    official: chat,
    others: [
      models,
      ...openRouter,
      ...reasoning,
      { ...gatewayTool, handled: 'a function to the model, and run by the gateway' },
      {
        name: 'tool_choice',
        which: "a tool of the gateway's",
        value: { type: 'gateway:calculator' },
        beside: { tools: gatewayTools },
        handled: "the function that stands for it; `auto` after the turn's first step",
      },
      { name: 'tools', which: 'of the gateway, unknown', value: [{ type: 'gateway:telephone' }] },
      { name: 'n', which: "with the gateway's tools", value: 2, beside: { tools: gatewayTools } },
      { name: 'functions', which: "with the gateway's tools", value: [FUNCTION], beside: { tools: gatewayTools } },
    ],
  },
  {
    path: '/v1/completions',
    schema: 'CreateCompletionRequest',
    base: { model: MODEL, prompt: 'Hello' },
    official: completions,
    others: [
      models,
      ...openRouter,
      ...reasoning,
      { name: 'tools', which: 'functions', value: [{ type: 'function', function: FUNCTION }] },
      gatewayTool,
    ],
  },
  {
    path: '/v1/responses',
    schema: 'CreateResponse',
    base: { model: MODEL, input: 'Hello' },
    official: responses,
    others: [models, ...openRouter, gatewayTool],
  },
  {
    path: '/v1/embeddings',
    schema: 'CreateEmbeddingRequest',
    base: { model: ALIASES.vectors, input: 'Hello' },
    official: embeddings,
    others: [
      { name: 'input', value: [{ content: [{ type: 'text', text: 'Hello' }] }], which: 'objects' },
      { name: 'input_type', value: 'search_query' },
      { name: 'models', value: ['openai/text-embedding-3-large'] },
      ...openRouter,
    ],
  },
];

/** A header by which a request speaks to the gateway. */
export interface RequestHeader {
  name: string;
  does: string;
  good: string;
  /** Null: there is none. */
  bad: { value: string; which: string } | null;
}

const BAD_FLAG = { value: 'perhaps', which: 'neither `true` nor `false`' };

export const HEADERS: readonly RequestHeader[] = [
  { name: 'x-gateway-resume', does: 'a stream that breaks is continued by another model', good: 'true', bad: BAD_FLAG },
  {
    name: 'x-gateway-hedge',
    does: 'a second model is started beside one that is late; `false`: not even where the tier does so',
    good: 'true',
    bad: BAD_FLAG,
  },
  {
    name: 'x-gateway-fallback',
    does: '`false`: no model answers that the request does not name',
    good: 'false',
    bad: BAD_FLAG,
  },
  {
    name: 'x-gateway-cache',
    does: 'an answer that was given before is given again; `false`: none is given again or kept',
    good: 'true',
    bad: BAD_FLAG,
  },
  { name: 'x-privacy-mode', does: 'analytics get lengths instead of content', good: 'true', bad: BAD_FLAG },
  {
    name: 'x-conversation-id',
    does: 'ties requests together in analytics',
    good: 'conversation-1',
    bad: { value: 'x'.repeat(257), which: 'over 256 characters' },
  },
  {
    name: 'idempotency-key',
    does: "the same request under the same key gets the first one's answer",
    good: 'order-1',
    bad: { value: 'x'.repeat(256), which: 'empty, or over 255 characters' },
  },
  {
    name: 'cache-control',
    does: '`no-cache`: a new answer, which is kept; `no-store`: the cache is left alone; else nothing',
    good: 'no-store',
    bad: null,
  },
];
