import { isFault } from './faults.ts';

/** What a request may ask of the simulator, in the body's `sim` or in `x-sim-…` headers. */
export interface SimOptions {
  fault?: string;
  /** Faults of single models, by id. */
  faults?: Record<string, string>;
  seed?: number;
  ttft_ms?: number;
  gap_ms?: number;
  chunks?: number;
  usage_shape?: UsageShape;
  key?: string;
  recording?: string;
  retry_after?: number;
  /** Makes the text depend on this alone, whatever the model and the messages: what a continuation is compared with. */
  text_seed?: number;
  /** How a model that is told to continue behaves; unset: as told. */
  continues?: 'anew' | 'without-anchor';
  /** The arguments of every tool call; unset: made up from the tool's parameters. */
  tool_arguments?: Record<string, unknown>;
  /** An answer of which nothing was generated is billed for its prompt all the same. */
  charges_prompt?: boolean;
  /** Said before the tool calls of the same answer. */
  say?: string;
  /** The answer tells how long it took here: a stream in a comment at its very end, JSON in a field `sim_ms`. */
  timing?: boolean;
}

/** Where the final usage of a chat stream sits: all three are seen in the wild. */
export const USAGE_SHAPES = ['null-finish', 'repeated-finish', 'empty-choices'] as const;
export type UsageShape = (typeof USAGE_SHAPES)[number];

interface ToolParameters {
  properties?: Record<string, { type?: string }>;
}

/** A tool as chat has it, its function within. */
export interface Tool {
  type?: string;
  function?: { name?: string; parameters?: ToolParameters | null };
}

/** A tool as Responses has it, flat. */
export interface FlatTool {
  type?: string;
  name?: string;
  description?: string;
  parameters?: ToolParameters | null;
  strict?: boolean | null;
}

export interface Message {
  role?: string;
  content?: unknown;
}

/** The fields of a request that shape an answer; chat's form, into which that of Responses is brought. */
export interface SimRequest {
  model?: string;
  messages?: Message[];
  prompt?: unknown;
  /** Of embeddings and Responses. */
  input?: unknown;
  instructions?: string | null;
  stream?: boolean;
  n?: number;
  max_tokens?: number | null;
  max_completion_tokens?: number | null;
  tools?: Tool[];
  tool_choice?: unknown;
  reasoning?: unknown;
  response_format?: { type?: string };
  encoding_format?: string;
  dimensions?: number;
  sim?: SimOptions;
}

/** The text of a message: a string, or its text parts joined. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as { text?: unknown }[]).map(({ text }) => (typeof text === 'string' ? text : '')).join('');
}

/** The fault that a request asks for; null for none. */
export function faultOf(request: SimRequest, header: string | undefined): string | null {
  const asked = request.sim?.faults?.[request.model ?? ''] ?? request.sim?.fault ?? header;
  if (asked) return asked;
  const name = request.model?.startsWith('sim/') ? (request.model.split('/')[1] ?? '') : '';
  return isFault(name) ? name : null;
}
