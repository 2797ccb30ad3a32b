import type { AppContext } from '../env.ts';
import { ApiError, unsupported } from '../http/errors.ts';
import { readBodyAndText } from '../http/input.ts';
import { answerClient } from '../upstream/answer-client.ts';
import { isTier } from '../upstream/candidates.ts';
import { withFields } from '../upstream/request-body.ts';
import { EmbeddingsRequest } from './embeddings-request.ts';
import { serve } from './serve.ts';

/**
 * POST /v1/embeddings: the relay lane. Only the model that is named may answer, for vectors of one model
 * say nothing beside those of another.
 */
export async function embeddings(c: AppContext): Promise<Response> {
  const { text, body: request } = await readBodyAndText(c, EmbeddingsRequest);
  if (isTier(request.model)) throw tierOfChatModels(request.model);
  if (request.models != null) {
    throw unsupported('models', 'Vectors of one model say nothing beside those of another.');
  }
  const bytes = new TextEncoder().encode(text).byteLength;
  // Inputs that are objects hold images and the like, which may become any number of tokens.
  const objects = Array.isArray(request.input) && request.input.some((input) => isObject(input));
  return serve(c, {
    text,
    request,
    streamed: false,
    messageCount: countInputs(request.input),
    path: '/embeddings',
    requested: {
      model: request.model,
      models: [],
      needs: { parameters: [], modalities: [], contextTokens: 0 },
    },
    replaceable: false,
    likelyTokens: Math.ceil(bytes / 3),
    mostAmounts: {
      promptTokens: objects ? Number.POSITIVE_INFINITY : bytes,
      outputTokens: 0,
      choices: 1,
      images: 0,
      contexts: countInputs(request.input),
      serverTools: false,
    },
    calls: 1,
    bodyFor: ({ model }) => withFields(text, request, request.model === model ? {} : { model }),
    representative: request.provider == null,
    deterministic: false,
    answer: (upstream, requestedModel) => answerClient({ ...upstream, requestedModel, resume: null }),
  });
}

function countInputs(input: EmbeddingsRequest['input']): number {
  return Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1;
}

function isObject(input: unknown): boolean {
  return typeof input === 'object' && !Array.isArray(input);
}

function tierOfChatModels(tier: string): ApiError {
  return new ApiError(400, {
    message: `The tier '${tier}' stands for chat models. Name a model for embeddings, such as 'openai/text-embedding-3-small'.`,
    param: 'model',
    code: 'invalid_value',
  });
}
