/** What a token of text has, about; and what an image takes. */
const CHARS_PER_TOKEN = 4;
const TOKENS_PER_IMAGE = 1_500;

/** The image, audio or file in a request's JSON. */
const EMBEDDED = /"data:[^"]*"/g;
/** A piece of an answer, its reasoning or its tool calls, in whichever of the protocols. */
const PIECE = /"(?:content|reasoning|reasoning_content|arguments|text|delta)":\s*"([^"\\]*(?:\\.[^"\\]*)*)"/g;

/** What a request asks with, for an estimate of its prompt. */
export interface Prompt {
  /** The request's JSON. */
  json: string;
  images: number;
}

/**
 * The tokens of an attempt that did not tell them, by what was asked and what came of it. A chunk has a
 * token at least. Where nothing came, nothing is charged (OpenRouter, "zero completion insurance").
 */
export function estimateTokens(
  { json, images }: Prompt,
  transcript: string,
): { input_tokens: number; output_tokens: number } {
  let chars = 0;
  let pieces = 0;
  for (const [, piece = ''] of transcript.matchAll(PIECE)) {
    if (piece === '') continue;
    chars += piece.length;
    pieces += 1;
  }
  if (pieces === 0) return { input_tokens: 0, output_tokens: 0 };
  const text = json.replaceAll(EMBEDDED, '').length;
  return {
    input_tokens: Math.ceil(text / CHARS_PER_TOKEN) + images * TOKENS_PER_IMAGE,
    output_tokens: Math.max(pieces, Math.ceil(chars / CHARS_PER_TOKEN)),
  };
}
