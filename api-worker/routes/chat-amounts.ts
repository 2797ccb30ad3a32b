import { gatewayNameOf } from '../agent/tool-name.ts';
import type { Amounts } from '../upstream/cost-bound.ts';
import type { Needs } from '../upstream/needs.ts';
import type { ChatRequest } from './chat-request.ts';

/** The answer's length that a token limit reserves where the client sets none. */
export const USUAL_OUTPUT = 1_000;
/** What providers add: chat templates, instructions for tools. Tokens. */
export const TEMPLATE_TOKENS = 2_000;
/** No model takes more for one image; most take a tenth. */
export const IMAGE_TOKENS = 20_000;
export const USUAL_IMAGE_TOKENS = 1_500;

/** What a chat request is, as far as its amounts go. */
export interface Asked {
  request: ChatRequest;
  media: Media;
  /** `max_tokens` where the client sets none; 0: none either. */
  maxTokensDefault: number;
}

/** The tokens that a chat completion is likely to take, for the rate: a third of the prompt's bytes, and the answer. */
export function likelyTokens({ request, media, maxTokensDefault }: Asked): number {
  const { textBytes, images } = media;
  const output = maxOutput(request, maxTokensDefault) ?? USUAL_OUTPUT;
  return Math.ceil(textBytes / 3) + images * USUAL_IMAGE_TOKENS + output * (request.n ?? 1);
}

/**
 * The most that a chat completion can take. A token of the prompt has one byte at least, so that the
 * number of its bytes is a bound.
 */
export function mostAmounts({ request, media, maxTokensDefault }: Asked): Amounts {
  const { textBytes, images, unbounded } = media;
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

/** What a chat completion asks of its model. */
export function needsOf({ request, media, maxTokensDefault }: Asked): Needs {
  const tools = (request.tools?.length ?? 0) > 0 && request.tool_choice !== 'none';
  const format = request.response_format?.type;
  const parameters = [
    ...(tools ? [['tools']] : []),
    ...(format === 'json_object' ? [['response_format', 'structured_outputs']] : []),
    ...(format === 'json_schema' ? [['structured_outputs', 'response_format']] : []),
  ];
  // Dense text has up to six bytes a token.
  const contextTokens = Math.floor(media.textBytes / 6) + (maxOutput(request, maxTokensDefault) ?? 0);
  return { parameters, modalities: media.modalities, contextTokens };
}

/** Tokens of one choice; null: as many as the model gives. */
function maxOutput({ max_tokens, max_completion_tokens }: ChatRequest, maxTokensDefault: number): number | null {
  return max_tokens ?? max_completion_tokens ?? (maxTokensDefault || null);
}

/** What a request's messages hold. */
export interface Media {
  /** Bytes of the JSON that are not an image's data. */
  textBytes: number;
  images: number;
  /** Beside text, as the model list names them. */
  modalities: readonly string[];
  /** Holds what may become any number of tokens: audio, files, parts that we do not know. */
  unbounded: boolean;
}

const MODALITIES: Record<string, string> = { image_url: 'image', input_audio: 'audio', file: 'file' };

/** @param text the request's JSON. */
export function mediaOf({ messages }: ChatRequest, text: string): Media {
  let textBytes = new TextEncoder().encode(text).byteLength;
  let images = 0;
  let unbounded = false;
  const modalities = new Set<string>();
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue;
    for (const part of content) {
      const modality = MODALITIES[part.type];
      if (modality) modalities.add(modality);
      if (part.type === 'image_url') {
        images += 1;
        const { url } = part.image_url as { url: string };
        if (url.startsWith('data:')) textBytes -= url.length;
      } else if (part.type !== 'text' && part.type !== 'refusal') unbounded = true;
    }
  }
  return { textBytes, images, modalities: [...modalities], unbounded };
}

function usesServerTools({ plugins, web_search_options, tools }: ChatRequest): boolean {
  const run = (tools ?? []).some(
    ({ type }) => type !== 'function' && type !== 'custom' && gatewayNameOf(type) === null,
  );
  return run || plugins != null || web_search_options != null;
}
