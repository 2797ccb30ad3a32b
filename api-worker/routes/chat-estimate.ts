import type { Estimate } from '../limits/admission.ts';
import { costBound } from '../upstream/cost-bound.ts';
import type { UpstreamModel } from '../upstream/model-list.ts';
import type { ChatRequest } from './chat-request.ts';

/** The answer's length that a token limit reserves where the client sets none. */
const USUAL_OUTPUT = 1_000;
/** What providers add: chat templates, instructions for tools. Tokens. */
const TEMPLATE_TOKENS = 2_000;
/** No model takes more for one image; most take a tenth. */
const IMAGE_TOKENS = 20_000;
const USUAL_IMAGE_TOKENS = 1_500;
/** Searches and other tools that the upstream runs are charged beside the tokens: at most so much a request. */
const SERVER_TOOLS_NANO_USD = 200_000_000;

interface Asked {
  request: ChatRequest;
  /** The request's JSON. */
  text: string;
  /** All models that may come to answer it. */
  candidates: readonly string[];
  /** `max_tokens` where the client sets none; 0: none either. */
  maxTokensDefault: number;
}

/**
 * What a chat completion is reserved at. Of the prompt, a token has one byte at least, so that the
 * number of its bytes is a bound for what it costs; a third of it is what is likely, for the rate.
 *
 * @param models null: the account has no budget, and its cost need not be bounded.
 */
export function estimateChat(
  { request, text, candidates, maxTokensDefault }: Asked,
  models: 'not needed' | 'unknown' | readonly UpstreamModel[],
): Estimate {
  const media = mediaOf(request);
  const textBytes = new TextEncoder().encode(text).byteLength - media.dataLength;
  const asked = request.max_tokens ?? request.max_completion_tokens ?? (maxTokensDefault || null);
  const choices = request.n ?? 1;
  const tokens = Math.ceil(textBytes / 3) + media.images * USUAL_IMAGE_TOKENS + (asked ?? USUAL_OUTPUT) * choices;
  if (models === 'not needed') return { tokens, costNanoUsd: 0 };
  const bound = costBound(candidates, models === 'unknown' ? null : models, {
    promptTokens: media.unbounded
      ? Number.POSITIVE_INFINITY
      : textBytes + TEMPLATE_TOKENS + media.images * IMAGE_TOKENS,
    outputTokens: asked,
    choices,
    images: media.images,
  });
  return { tokens, costNanoUsd: bound + (usesServerTools(request, candidates) ? SERVER_TOOLS_NANO_USD : 0) };
}

interface Media {
  /** Characters of the JSON that are data, not text. */
  dataLength: number;
  images: number;
  /** Holds what may become any number of tokens: audio, files, parts that we do not know. */
  unbounded: boolean;
}

function mediaOf({ messages }: ChatRequest): Media {
  const media: Media = { dataLength: 0, images: 0, unbounded: false };
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue;
    for (const part of content) {
      if (part.type === 'image_url') {
        media.images += 1;
        const { url } = part.image_url as { url: string };
        if (url.startsWith('data:')) media.dataLength += url.length;
      } else if (part.type !== 'text' && part.type !== 'refusal') media.unbounded = true;
    }
  }
  return media;
}

function usesServerTools(request: ChatRequest, candidates: readonly string[]): boolean {
  return (
    request.plugins != null ||
    request.web_search_options != null ||
    candidates.some((id) => id.endsWith(':online')) ||
    (request.tools ?? []).some(({ type }) => type !== 'function' && type !== 'custom')
  );
}
