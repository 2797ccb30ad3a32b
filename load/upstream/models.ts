/** A model as `/models` lists it. Prices: decimal strings of USD per token, or per request. */
export interface SimulatedModel {
  id: string;
  canonical_slug: string;
  created: number;
  context_length: number;
  provider: string;
  prompt: string;
  completion: string;
  cacheRead: string;
  cacheWrite: string;
  /** What it takes beside text. */
  takes: readonly ('image' | 'tools' | 'response_format')[];
  /** What it makes of it. */
  gives: 'text' | 'embeddings';
}

function model(
  id: string,
  slug: string,
  provider: string,
  prompt: string,
  completion: string,
  cacheRead: string,
  context = 131_072,
  takes: SimulatedModel['takes'] = ['image', 'tools', 'response_format'],
): SimulatedModel {
  return {
    id,
    canonical_slug: slug,
    created: 1_760_000_000,
    context_length: context,
    provider,
    prompt,
    completion,
    cacheRead,
    cacheWrite: prompt,
    takes,
    gives: 'text',
  };
}

/** One that makes vectors: it generates nothing and caches nothing. */
function embeddingModel(id: string, provider: string, prompt: string, context: number): SimulatedModel {
  return { ...model(id, id, provider, prompt, '0', '0', context, []), cacheWrite: '0', gives: 'embeddings' };
}

/** Some of those of the tiers that wrangler.api.toml names. Prices fine enough that costs do not end at a whole nano-dollar. */
const MODELS: readonly SimulatedModel[] = [
  model(
    'openai/gpt-5-mini',
    'openai/gpt-5-mini-2025-08-07',
    'OpenAI',
    '0.00000025',
    '0.000002',
    '0.000000025',
    400_000,
  ),
  model(
    'openai/gpt-4o-mini',
    'openai/gpt-4o-mini-2024-07-18',
    'OpenAI',
    '0.00000015',
    '0.0000006',
    '0.000000075',
    128_000,
  ),
  model(
    'anthropic/claude-haiku-4.5',
    'anthropic/claude-4.5-haiku-20251001',
    'Anthropic',
    '0.000001',
    '0.000005',
    '0.0000001',
    200_000,
  ),
  model(
    'google/gemini-2.5-flash',
    'google/gemini-2.5-flash',
    'Google',
    '0.0000003',
    '0.0000025',
    '0.0000000375',
    1_048_576,
  ),
  model(
    'meta-llama/llama-3.3-70b-instruct',
    'meta-llama/llama-3.3-70b-instruct',
    'DeepInfra',
    '0.0000000385',
    '0.00000012',
    '0',
    131_072,
    [],
  ),
  model(
    'deepseek/deepseek-chat-v3.1',
    'deepseek/deepseek-chat-v3.1',
    'DeepSeek',
    '0.0000002001',
    '0.00000080003',
    '0.0000000000335',
    131_072,
    ['tools'],
  ),
  model(
    'anthropic/claude-opus-4.5',
    'anthropic/claude-4.5-opus-20251124',
    'Anthropic',
    '0.000005',
    '0.000025',
    '0.0000005',
    200_000,
  ),
  model(
    'openai/gpt-5-nano',
    'openai/gpt-5-nano-2025-08-07',
    'OpenAI',
    '0.00000005',
    '0.0000004',
    '0.000000005',
    400_000,
  ),
];

const EMBEDDING_MODELS: readonly SimulatedModel[] = [
  embeddingModel('openai/text-embedding-3-small', 'OpenAI', '0.00000002', 8_192),
  embeddingModel('openai/text-embedding-3-large', 'OpenAI', '0.00000013', 8_192),
  embeddingModel('qwen/qwen3-embedding-8b', 'DeepInfra', '0.00000001', 32_768),
];

const SIMULATED = model('sim/any', 'sim/any-2026-01-01', 'Sim', '0.00000015', '0.0000006', '0.0000000375');

/** The model of an id; any `sim/…` or `recording/…` is accepted though it is not listed. */
export function findModel(id: string): SimulatedModel | null {
  if (id.startsWith('sim/') || id.startsWith('recording/'))
    return { ...SIMULATED, id, canonical_slug: `${id}-2026-01-01` };
  return [...MODELS, ...EMBEDDING_MODELS].find((known) => known.id === id || known.canonical_slug === id) ?? null;
}

/** Whether a model answers at a path; simulated ones answer at all. */
export function serves({ provider, gives }: SimulatedModel, path: string): boolean {
  return provider === SIMULATED.provider || (gives === 'embeddings') === (path === '/embeddings');
}

/** Small, so that whoever reads the list has to turn the page. */
const PAGE_SIZE = 4;

/** The answer of GET /models: pages from 1. */
export function modelsBody(page: number) {
  const start = (page - 1) * PAGE_SIZE;
  return {
    links: { next: start + PAGE_SIZE < MODELS.length ? `/api/v1/models?page=${page + 1}` : null },
    data: MODELS.slice(start, start + PAGE_SIZE).map(listed),
  };
}

/** The answer of GET /embeddings/models, in one page. */
export function embeddingModelsBody() {
  return { links: { next: null }, data: EMBEDDING_MODELS.map(listed) };
}

function listed(of: SimulatedModel) {
  const { id, canonical_slug, created, context_length, takes, gives } = of;
  return {
    id,
    canonical_slug,
    name: id,
    created,
    context_length,
    architecture: {
      input_modalities: takes.includes('image') ? ['text', 'image'] : ['text'],
      output_modalities: [gives],
    },
    supported_parameters:
      gives === 'embeddings'
        ? []
        : [
            'max_tokens',
            'temperature',
            'top_p',
            'seed',
            'stop',
            'reasoning',
            ...(takes.includes('tools') ? ['tools', 'tool_choice'] : []),
            ...(takes.includes('response_format') ? ['response_format', 'structured_outputs'] : []),
          ],
    top_provider: {
      context_length,
      max_completion_tokens: gives === 'embeddings' ? null : 16_384,
      is_moderated: false,
    },
    pricing: {
      prompt: of.prompt,
      completion: of.completion,
      request: '0',
      image: '0',
      web_search: '0',
      internal_reasoning: '0',
      input_cache_read: of.cacheRead,
      input_cache_write: of.cacheWrite,
    },
  };
}
