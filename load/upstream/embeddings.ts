import { createHash } from 'node:crypto';
import { costAtto } from './account.ts';
import type { Plan } from './plan.ts';
import { randomFrom } from './random.ts';
import type { SimRequest } from './request.ts';
import { usageOf } from './wire.ts';

const DIMENSIONS = 8;

/** The plan of an answer to /embeddings: nothing is generated or cached. */
export function embeddingsPlan(plan: Plan): Plan {
  const tokens = { prompt: plan.tokens.prompt, completion: 0, cached: 0, cacheWrite: 0, reasoning: 0 };
  return { ...plan, tokens, cost: costAtto(plan.model, tokens) };
}

/** An embeddings answer: short vectors that depend on the input alone. */
export function embeddingsBody(plan: Plan, request: SimRequest, withUsage: boolean) {
  const data = inputsOf(request.input).map((input, index) => {
    const vector = vectorOf(input, request.dimensions ?? DIMENSIONS);
    return {
      object: 'embedding',
      index,
      embedding: request.encoding_format === 'base64' ? base64(vector) : [...vector],
    };
  });
  const { prompt_tokens, cost } = usageOf(plan);
  return {
    object: 'list',
    data,
    model: plan.model.canonical_slug,
    ...(withUsage && { usage: { prompt_tokens, total_tokens: prompt_tokens, cost } }),
  };
}

/** A string or an array of token numbers is one input, any other array several. */
function inputsOf(input: unknown): unknown[] {
  return Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];
}

/** In single precision, so that both encodings say the same. */
function vectorOf(input: unknown, dimensions: number): Float32Array {
  const random = randomFrom(createHash('sha256').update(JSON.stringify(input)).digest().readUInt32LE(0));
  return Float32Array.from({ length: dimensions }, () => random() * 2 - 1);
}

/** Little-endian float32, as OpenAI packs them. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [n, value] of vector.entries()) bytes.writeFloatLE(value, n * 4);
  return bytes.toString('base64');
}
