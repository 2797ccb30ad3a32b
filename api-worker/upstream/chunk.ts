import { nanoToUsd, usdToNano } from '../../shared/money.ts';
import type { Said, Seam } from './continuation.ts';

/** A `chat.completion.chunk`, as far as a stream that goes on with another model must know it. */
export interface Chunk {
  id?: string;
  choices?: readonly Choice[];
  usage?: Usage | null;
  error?: unknown;
  [field: string]: unknown;
}

interface Choice {
  index?: number;
  delta?: Delta | null;
  finish_reason?: string | null;
  [field: string]: unknown;
}

type Delta = Record<string, unknown> & { content?: string | null };

interface Usage {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
  cost?: number | null;
  [field: string]: unknown;
}

/** What earlier attempts used. */
export interface AddedUsage {
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
}

/** How a continuation is joined to what it continues. */
export interface Joint {
  seam: Seam;
  /** What the broken attempts used; null: the upstream does not say in time. */
  used(): Promise<AddedUsage | null>;
}

/** An event's data as a chunk; null: it is none. */
export function readChunk(data: string): Chunk | null {
  try {
    const chunk = JSON.parse(data) as Chunk | null;
    return isObject(chunk) && (chunk.choices == null || isListOfObjects(chunk.choices)) ? chunk : null;
  } catch {
    return null;
  }
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Whether a chunk says that the upstream failed: with an error, or with `error` for a finish. */
export function isFailure({ error, choices }: Chunk): boolean {
  return Boolean(error) || (choices ?? []).some(({ finish_reason }) => finish_reason === 'error');
}

/** Fields that every chunk of a stream has in common. */
export type Shape = Record<string, unknown>;

const SHAPING = ['id', 'object', 'created', 'model', 'provider', 'system_fingerprint', 'service_tier'];

export function shapeOf(chunk: Chunk): Shape {
  return Object.fromEntries(SHAPING.filter((field) => field in chunk).map((field) => [field, chunk[field]]));
}

/** What deltas hold that another model can go on after. */
const PLAIN = new Set(['role', 'content', 'reasoning', 'reasoning_content', 'reasoning_details', 'refusal']);

/** What was said with one more chunk. */
export function takeChunk(said: Said, { choices }: Chunk): Said {
  const [choice] = choices ?? [];
  if (!choice) return said;
  const delta = choice.delta ?? {};
  const isText = typeof delta.content === 'string';
  const text = isText ? (delta.content ?? '') : '';
  const beyond =
    Object.entries(delta).some(([name, value]) => value != null && !PLAIN.has(name)) ||
    delta.refusal != null ||
    (delta.content != null && !isText);
  return {
    text: said.text + text,
    pieces: said.pieces + (text === '' ? 0 : 1),
    finish: said.finish ?? choice.finish_reason ?? null,
    beyondText: said.beyondText || beyond || (choices?.length ?? 0) > 1,
  };
}

/**
 * A chunk of a continuation as one of the stream that it continues: same id and model, only text that
 * is new, usage that counts all attempts. Null: nothing of it is left. How the model thinks about
 * continuing is not part of the answer.
 *
 * @throws SeamMismatch
 */
export async function continuedChunk(chunk: Chunk, shape: Shape, { seam, used }: Joint): Promise<Chunk | null> {
  const [choice] = chunk.choices ?? [];
  const usage = chunk.usage ? addUsage(chunk.usage, await used()) : chunk.usage;
  if (!choice) return usage ? { ...chunk, ...shape, usage } : null;
  const { reasoning: _, reasoning_content: __, reasoning_details: ___, ...delta } = choice.delta ?? {};
  const content = delta.content ? seam.feed(delta.content) : '';
  const finishes = choice.finish_reason != null;
  if (finishes) seam.end();
  if (content === '' && !finishes && !usage) return null;
  return { ...chunk, ...shape, choices: [{ ...choice, delta: { ...delta, content } }], ...(usage && { usage }) };
}

function addUsage(usage: Usage, used: AddedUsage | null): Usage {
  if (!used) return usage;
  const prompt_tokens = (usage.prompt_tokens ?? 0) + used.inputTokens;
  const completion_tokens = (usage.completion_tokens ?? 0) + used.outputTokens;
  return {
    ...usage,
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    ...(usage.cost != null && { cost: Number(nanoToUsd((usdToNano(usage.cost) ?? 0) + used.costNanoUsd)) }),
  };
}
