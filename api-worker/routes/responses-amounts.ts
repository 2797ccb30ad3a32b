import type { Amounts } from '../upstream/cost-bound.ts';
import type { Needs } from '../upstream/needs.ts';
import { IMAGE_TOKENS, type Media, TEMPLATE_TOKENS, USUAL_IMAGE_TOKENS, USUAL_OUTPUT } from './chat-amounts.ts';
import type { ResponsesRequest } from './responses-request.ts';

/** What a Responses request is, as far as its amounts go. */
interface Asked {
  request: ResponsesRequest;
  media: Media;
  /** `max_output_tokens` where the client sets none; 0: none either. */
  maxTokensDefault: number;
}

/** The tokens that a response is likely to take, for the rate: a third of the prompt's bytes, and the answer. */
export function likelyTokensOf({ request, media, maxTokensDefault }: Asked): number {
  const output = request.max_output_tokens ?? (maxTokensDefault || USUAL_OUTPUT);
  return Math.ceil(media.textBytes / 3) + media.images * USUAL_IMAGE_TOKENS + output;
}

/** The most that a response can take; a token of the prompt has one byte at least. */
export function mostAmountsOf({ request, media, maxTokensDefault }: Asked): Amounts {
  const { textBytes, images, unbounded } = media;
  const own = ['function', 'custom'];
  const serverTools = request.plugins != null || (request.tools ?? []).some(({ type }) => !own.includes(type));
  return {
    promptTokens:
      // A template that the upstream keeps may be of any length.
      unbounded || serverTools || request.prompt != null
        ? Number.POSITIVE_INFINITY
        : textBytes + TEMPLATE_TOKENS + images * IMAGE_TOKENS,
    outputTokens: request.max_output_tokens ?? (maxTokensDefault || null),
    choices: 1,
    images,
    serverTools,
  };
}

/** What a response asks of its model. */
export function needsOfResponse({ request, media, maxTokensDefault }: Asked): Needs {
  const tools = (request.tools?.length ?? 0) > 0 && request.tool_choice !== 'none';
  const format = request.text?.format?.type;
  const parameters = [
    ...(tools ? [['tools']] : []),
    ...(format === 'json_object' ? [['response_format', 'structured_outputs']] : []),
    ...(format === 'json_schema' ? [['structured_outputs', 'response_format']] : []),
  ];
  const output = request.max_output_tokens ?? maxTokensDefault;
  return { parameters, modalities: media.modalities, contextTokens: Math.floor(media.textBytes / 6) + output };
}

const MODALITIES: Record<string, string> = { input_image: 'image', input_audio: 'audio', input_file: 'file' };
/** Parts and items that are text and nothing else; others may become any number of tokens. */
const TEXT = [
  'message',
  'input_text',
  'output_text',
  'text',
  'refusal',
  'reasoning',
  'reasoning_text',
  'summary_text',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
];

function listed(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What a request's items hold. @param text the request's JSON. */
export function mediaOfItems({ input }: ResponsesRequest, text: string): Media {
  let textBytes = new TextEncoder().encode(text).byteLength;
  let images = 0;
  let unbounded = false;
  const modalities = new Set<string>();
  const items = typeof input === 'string' ? [] : input;
  // What tools found may be media as well.
  const parts = items.flatMap(({ content, output }) => [content, output].flatMap((all): unknown[] => listed(all)));
  for (const part of [...items, ...parts]) {
    const { type, image_url } = (part ?? {}) as { type?: unknown; image_url?: unknown };
    const modality = MODALITIES[String(type)];
    if (modality) modalities.add(modality);
    if (type === 'input_image') {
      images += 1;
      if (typeof image_url === 'string' && image_url.startsWith('data:')) textBytes -= image_url.length;
    } else if (type != null && !TEXT.includes(String(type))) unbounded = true;
  }
  return { textBytes, images, modalities: [...modalities], unbounded };
}
