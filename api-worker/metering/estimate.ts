import { jsonOf } from '../upstream/sse.ts';

/** What a token of text has, about; and what an image takes. */
const CHARS_PER_TOKEN = 4;
const TOKENS_PER_IMAGE = 1_500;

/** An image, sound or file within a request's JSON: its URL, or base64 alone, which no text is for so long. */
const EMBEDDED = /"(?:data:[^"]*|[\w+/=-]{1000,})"/g;
/** What the text of an answer that was cut within it begins with. */
const CONTENT = /"(?:content|text)":\s*"/;

/** What a request asks with, for an estimate of its prompt. */
export interface Prompt {
  /** The request's JSON. */
  json: string;
  images: number;
}

/** Texts of a chat's message or of its delta; what is told twice, such as `reasoning_details`, is left out. */
interface Said {
  content?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
  refusal?: unknown;
  tool_calls?: { function?: { arguments?: unknown } }[];
}

interface Event {
  choices?: { delta?: Said; message?: Said; text?: unknown }[];
  /** Of Responses: `….delta` events have their piece in `delta`; others tell the same once more. */
  type?: unknown;
  delta?: unknown;
  output?: { content?: { text?: unknown }[]; arguments?: unknown }[];
}

/**
 * The tokens of an attempt that did not tell them, by what was asked and what came of it. A piece has a
 * token at least. Where nothing came, nothing is charged (OpenRouter, "zero completion insurance").
 */
export function estimateTokens(
  { json, images }: Prompt,
  transcript: string,
  streamed: boolean,
): { input_tokens: number; output_tokens: number } {
  const pieces = (streamed ? streamPieces(transcript) : answerPieces(transcript)).filter((piece) => piece > 0);
  if (pieces.length === 0) return { input_tokens: 0, output_tokens: 0 };
  const chars = pieces.reduce((sum, piece) => sum + piece, 0);
  const text = json.replaceAll(EMBEDDED, '').length;
  return {
    input_tokens: Math.ceil(text / CHARS_PER_TOKEN) + images * TOKENS_PER_IMAGE,
    output_tokens: Math.max(streamed ? pieces.length : 1, Math.ceil(chars / CHARS_PER_TOKEN)),
  };
}

/** The lengths of all pieces of a stream, in characters. */
function streamPieces(transcript: string): number[] {
  return transcript
    .split(/[\r\n]+/)
    .filter((line) => line.startsWith('data:'))
    .flatMap((line) => piecesOf(jsonOf<Event>(line.slice(5))));
}

/** The same of an answer in one piece, which may be cut. */
function answerPieces(transcript: string): number[] {
  const answer = jsonOf<Event>(transcript);
  if (answer) return piecesOf(answer);
  const begins = CONTENT.exec(transcript);
  return begins ? [transcript.length - begins.index - begins[0].length] : [];
}

function piecesOf(event: Event | null): number[] {
  if (typeof event !== 'object' || event === null) return [];
  const { type, delta, choices, output } = event;
  if (typeof type === 'string' && type.endsWith('.delta')) return [lengthOf(delta)];
  return [
    ...listOf(choices).flatMap((choice) => [lengthOf(choice?.text), ...said(choice?.delta ?? choice?.message)]),
    ...listOf(output).flatMap((item) => [
      lengthOf(item?.arguments),
      ...listOf(item?.content).map((part) => lengthOf(part?.text)),
    ]),
  ];
}

function said(of: Said | null | undefined): number[] {
  if (!of) return [];
  return [
    lengthOf(of.content),
    lengthOf(of.reasoning ?? of.reasoning_content),
    lengthOf(of.refusal),
    ...listOf(of.tool_calls).map((call) => lengthOf(call?.function?.arguments)),
  ];
}

function lengthOf(value: unknown): number {
  return typeof value === 'string' ? value.length : 0;
}

/** Providers differ; what is no list is an empty one. */
function listOf<T>(value: readonly T[] | undefined): readonly (T | null)[] {
  return Array.isArray(value) ? value : [];
}
