import type { Amounts } from '../upstream/cost-bound.ts';
import type { ChatRequest } from './chat-request.ts';

/** The answer's length that a token limit reserves where the client sets none. */
const USUAL_OUTPUT = 1_000;
/** What providers add: chat templates, instructions for tools. Tokens. */
const TEMPLATE_TOKENS = 2_000;
/** No model takes more for one image; most take a tenth. */
const IMAGE_TOKENS = 20_000;
const USUAL_IMAGE_TOKENS = 1_500;

interface Asked {
  request: ChatRequest;
  /** The request's JSON. */
  text: string;
  /** `max_tokens` where the client sets none; 0: none either. */
  maxTokensDefault: number;
}

/** The tokens that a chat completion is likely to take, for the rate: a third of the prompt's bytes, and the answer. */
export function likelyTokens({ request, text, maxTokensDefault }: Asked): number {
  const { textBytes, images } = mediaOf(request, text);
  const output = maxOutput(request, maxTokensDefault) ?? USUAL_OUTPUT;
  return Math.ceil(textBytes / 3) + images * USUAL_IMAGE_TOKENS + output * (request.n ?? 1);
}

/**
 * The most that a chat completion can take. A token of the prompt has one byte at least, so that the
 * number of its bytes is a bound.
 */
export function mostAmounts({ request, text, maxTokensDefault }: Asked): Amounts {
  const { textBytes, images, unbounded } = mediaOf(request, text);
  const serverTools = usesServerTools(request);
  return {
    // What a search of the upstream finds becomes prompt.
    promptTokens:
      unbounded || serverTools ? Number.POSITIVE_INFINITY : textBytes + TEMPLATE_TOKENS + images * IMAGE_TOKENS,
    outputTokens: maxOutput(request, maxTokensDefault),
    choices: request.n ?? 1,
    images,
    serverTools,
  };
}

/** Tokens of one choice; null: as many as the model gives. */
function maxOutput({ max_tokens, max_completion_tokens }: ChatRequest, maxTokensDefault: number): number | null {
  return max_tokens ?? max_completion_tokens ?? (maxTokensDefault || null);
}

interface Media {
  /** Bytes of the JSON that are not an image's data. */
  textBytes: number;
  images: number;
  /** Holds what may become any number of tokens: audio, files, parts that we do not know. */
  unbounded: boolean;
}

function mediaOf({ messages }: ChatRequest, text: string): Media {
  const media: Media = { textBytes: new TextEncoder().encode(text).byteLength, images: 0, unbounded: false };
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue;
    for (const part of content) {
      if (part.type === 'image_url') {
        media.images += 1;
        const { url } = part.image_url as { url: string };
        if (url.startsWith('data:')) media.textBytes -= url.length;
      } else if (part.type !== 'text' && part.type !== 'refusal') media.unbounded = true;
    }
  }
  return media;
}

function usesServerTools({ plugins, web_search_options, tools }: ChatRequest): boolean {
  const run = (tools ?? []).some(({ type }) => type !== 'function' && type !== 'custom');
  return run || plugins != null || web_search_options != null;
}
