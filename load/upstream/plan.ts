import { createHash } from 'node:crypto';
import { costAtto, type Tokens } from './account.ts';
import { leftToSay } from './continuation.ts';
import type { SimulatedModel } from './models.ts';
import { randomFrom } from './random.ts';
import { type SimRequest, USAGE_SHAPES, type UsageShape } from './request.ts';
import { type ToolCall, toolCalls, toolWords } from './tool-calls.ts';

/** Everything about an answer, decided before its first byte. The same request and seed give the same plan. */
export interface Plan {
  id: string;
  created: number;
  model: SimulatedModel;
  pieces: string[];
  reasoning: string[];
  toolCalls: ToolCall[];
  choices: number;
  finish: 'stop' | 'length' | 'tool_calls';
  tokens: Tokens;
  cost: bigint;
  usageShape: UsageShape;
}

const WORDS = [
  'river',
  'naïve',
  'stone',
  'über',
  'light',
  '水',
  'paper',
  '🙂',
  'garden',
  'señal',
  'cloud',
  'winter',
  'π',
  'copper',
  'quiet',
  'l’été',
];

function hashOf(of: unknown): Buffer {
  return createHash('sha256').update(JSON.stringify(of)).digest();
}

/** Random numbers that depend on a value alone. */
function randomOf(of: unknown): () => number {
  return randomFrom(hashOf(of).readUInt32LE(0));
}

/** The plan of an answer: a pure function of request, model and seed. */
export function planOf(request: SimRequest, model: SimulatedModel, seed: number, chunks: number): Plan {
  const { sim, stream: _, ...shaping } = request;
  const hash = hashOf([sim?.seed ?? seed, model.id, shaping]);
  const random = randomFrom(hash.readUInt32LE(0));
  const wanted = sim?.chunks ?? chunks;
  const limit = request.max_tokens ?? request.max_completion_tokens ?? Number.POSITIVE_INFINITY;
  const calls = toolCalls(request, random);
  const toSay = calls.length > 0 ? [sim?.say ?? ''].filter(Boolean) : answerPieces(request, wanted, random);
  const pieces = toSay.slice(0, limit);
  const reasoning = request.reasoning || model.id === 'sim/reasoning' ? words(5, random) : [];
  const choices = request.n ?? 1;
  const prompt = Math.max(1, Math.ceil(inputText(request).length / 4));
  const tokens: Tokens = {
    prompt,
    completion: (pieces.length + calls.length * 7) * choices + reasoning.length,
    cached: random() < 0.4 ? Math.floor(prompt / 2) : 0,
    cacheWrite: 0,
    reasoning: reasoning.length,
  };
  return {
    id: `gen-${1_790_000_000 + (hash.readUInt32LE(4) % 1_000_000)}-${hash.toString('hex', 8, 18)}`,
    created: 1_790_000_000 + (hash.readUInt32LE(4) % 1_000_000),
    model,
    pieces,
    reasoning,
    toolCalls: calls,
    choices,
    finish: calls.length > 0 ? 'tool_calls' : pieces.length < toSay.length ? 'length' : 'stop',
    tokens,
    cost: costAtto(model, tokens),
    usageShape: sim?.usage_shape ?? USAGE_SHAPES[Math.floor(random() * USAGE_SHAPES.length)] ?? 'null-finish',
  };
}

/** What is asked, as far as its length makes the prompt's tokens; of Responses as it was sent. */
function inputText({ input, instructions, messages, prompt }: SimRequest): string {
  return JSON.stringify(input ?? messages ?? prompt ?? '') + (instructions ?? '');
}

/** An answer in words, piece by piece: JSON where that is asked for, after tools what they said. */
function answerPieces(request: SimRequest, count: number, random: () => number): string[] {
  const { sim } = request;
  const all =
    request.response_format?.type?.startsWith('json') && count > 0
      ? ['{"answer":', '"yes"', '}']
      : [...toolWords(request), ...words(count, sim?.text_seed === undefined ? random : randomOf([sim.text_seed]))];
  return sim?.continues === 'anew' ? all : leftToSay(request, all);
}

function words(count: number, random: () => number): string[] {
  return Array.from({ length: count }, (_, n) => `${n > 0 ? ' ' : ''}${WORDS[Math.floor(random() * WORDS.length)]}`);
}
