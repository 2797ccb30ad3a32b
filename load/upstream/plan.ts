import { createHash } from 'node:crypto';
import { costAtto, type Tokens } from './account.ts';
import { isFault } from './faults.ts';
import type { SimulatedModel } from './models.ts';
import { randomFrom } from './random.ts';

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
}

/** Where the final usage sits: all three are seen in the wild. */
const USAGE_SHAPES = ['null-finish', 'repeated-finish', 'empty-choices'] as const;
type UsageShape = (typeof USAGE_SHAPES)[number];

/** The fields of a request that shape an answer. */
export interface SimRequest {
  model?: string;
  messages?: { role?: string; content?: unknown }[];
  prompt?: unknown;
  input?: unknown;
  stream?: boolean;
  n?: number;
  max_tokens?: number | null;
  max_completion_tokens?: number | null;
  tools?: {
    type?: string;
    function?: { name?: string; parameters?: { properties?: Record<string, { type?: string }> } };
  }[];
  tool_choice?: unknown;
  reasoning?: unknown;
  response_format?: { type?: string };
  sim?: SimOptions;
}

interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

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
  const all =
    request.response_format?.type?.startsWith('json') && wanted > 0
      ? ['{"answer":', '"yes"', '}']
      : words(wanted, sim?.text_seed === undefined ? random : randomOf([sim.text_seed]));
  const toSay = calls.length > 0 ? [] : sim?.continues === 'anew' ? all : leftToSay(request, all);
  const pieces = toSay.slice(0, limit);
  const reasoning = request.reasoning || model.id === 'sim/reasoning' ? words(5, random) : [];
  const choices = request.n ?? 1;
  const prompt = Math.max(
    1,
    Math.ceil(JSON.stringify(request.messages ?? request.prompt ?? request.input ?? '').length / 4),
  );
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

function words(count: number, random: () => number): string[] {
  return Array.from({ length: count }, (_, n) => `${n > 0 ? ' ' : ''}${WORDS[Math.floor(random() * WORDS.length)]}`);
}

/** The words between which a request quotes what an answer is to begin with: the end of what was said already. */
const ANCHOR = /<last_words>(.*)<\/last_words>/s;

/**
 * What is left of an answer whose beginning the messages hold: as their end, which is continued from the
 * very character, or before an instruction to repeat the last words and go on.
 */
function leftToSay({ messages = [], sim }: SimRequest, pieces: string[]): string[] {
  const last = messages.at(-1);
  const instruction = last?.role === 'user' && typeof last.content === 'string' ? ANCHOR.exec(last.content) : null;
  const said = instruction ? messages.at(-2) : last;
  if (said?.role !== 'assistant' || typeof said.content !== 'string') return pieces;
  const text = pieces.join('');
  if (!text.startsWith(said.content)) return pieces;
  const rest = text.slice(said.content.length);
  const anchor = sim?.continues === 'without-anchor' ? '' : (instruction?.[1] ?? '');
  return [...(anchor ? [anchor] : []), ...(rest.match(/ ?[^ ]+| /g) ?? [])];
}

/** Tools are called where the request insists, where the model is `sim/tools`, or where weather is asked about. */
function toolCalls(request: SimRequest, random: () => number): ToolCall[] {
  const tools = (request.tools ?? []).filter((tool) => tool.type === 'function' && tool.function?.name);
  const last = request.messages?.at(-1);
  if (tools.length === 0 || last?.role === 'tool' || request.tool_choice === 'none') return [];
  const choice = request.tool_choice as { function?: { name?: string } } | string | undefined;
  const named = typeof choice === 'object' ? choice.function?.name : undefined;
  const asked = named || choice === 'required' || /weather/i.test(JSON.stringify(last?.content ?? ''));
  if (!asked && !request.model?.startsWith('sim/')) return [];
  const picked = tools.filter((tool) => !named || tool.function?.name === named);
  return picked.slice(0, request.model === 'sim/parallel-tools' ? 2 : 1).map((tool) => ({
    id: `call_${Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')}`,
    name: tool.function?.name ?? '',
    arguments: JSON.stringify(
      Object.fromEntries(
        Object.entries(tool.function?.parameters?.properties ?? {}).map(([name, { type }]) => [
          name,
          type === 'number' || type === 'integer' ? 1 : type === 'boolean' ? true : 'Zürich',
        ]),
      ),
    ),
  }));
}

/** The fault that a request asks for; null for none. */
export function faultOf(request: SimRequest, header: string | undefined): string | null {
  const asked = request.sim?.faults?.[request.model ?? ''] ?? request.sim?.fault ?? header;
  if (asked) return asked;
  const name = request.model?.startsWith('sim/') ? (request.model.split('/')[1] ?? '') : '';
  return isFault(name) ? name : null;
}
