import { FAULTS } from '../../../load/upstream/faults.ts';

/** One request of the run: how it is asked, and whether its client stays. */
export interface Planned {
  n: number;
  account: string;
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
  /** ms after which the client is gone though nothing has come; null: it waits. */
  goneAfterMs: number | null;
  /** Bytes after which it is gone; null: it reads to the end. */
  goneAfterBytes: number | null;
}

/** Accounts of different kinds of limits, whose budgets in dollars are for a day. */
export const ACCOUNTS = [
  { id: 'free-of-budget', budget: null },
  { id: 'with-budget', budget: 10_000 },
  { id: 'short-of-budget', budget: 3 },
] as const;

const MODELS = [
  'openai/gpt-5-mini',
  'anthropic/claude-haiku-4.5',
  'google/gemini-2.5-flash',
  'deepseek/deepseek-chat-v3.1',
];
/** Those that keep silent take as long as the time limits. */
const SLOW = ['silence', 'silence-after-headers', 'silence-mid-stream', 'slow-start'];
const FAULT_NAMES = Object.keys(FAULTS).map((fault) => (fault === 'fail-N-then-work' ? 'fail-2-then-work' : fault));
const QUICK_FAULTS = FAULT_NAMES.filter((fault) => !SLOW.includes(fault));

/** The requests of a seed. */
export function planRequests(count: number, random: () => number): Planned[] {
  return Array.from({ length: count }, (_, n) => planOne(n, random));
}

function planOne(n: number, random: () => number): Planned {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const chance = (share: number): boolean => random() < share;
  const streamed = chance(0.6);
  const kind = random();
  const base = {
    n,
    account: pick(ACCOUNTS).id,
    path: '/v1/chat/completions',
    headers: { 'x-gateway-fallback': 'false' } as Record<string, string>,
    goneAfterMs: null,
    goneAfterBytes: null,
  };
  const chat = (model: string, sim: object = {}, more: object = {}) => ({
    model,
    messages: [{ role: 'user', content: `Request ${n} ${'x'.repeat(Math.floor(random() * 200))}` }],
    max_tokens: 200,
    ...(streamed && { stream: true }),
    sim: { text_seed: n, chunks: 1 + Math.floor(random() * 30), ...sim },
    ...more,
  });
  if (kind < 0.4) return { ...base, body: chat(pick(MODELS)) };
  if (kind < 0.75) {
    const fault = chance(0.06) ? pick(SLOW) : pick(QUICK_FAULTS);
    // A socket that is destroyed discards what is on its way: without a gap nothing had come yet.
    const sim = { gap_ms: 25, chunks: 12 };
    // A model of its own for each, or circuits would open.
    const body = chat(`sim/${fault}/${n}`, sim, chance(0.5) ? { models: [pick(MODELS)] } : {});
    return { ...base, body, headers: { ...base.headers, ...(chance(0.5) && { 'x-gateway-resume': 'true' }) } };
  }
  if (kind < 0.83) {
    const body = { ...chat(pick(MODELS), { gap_ms: 15, chunks: 40 }), stream: true };
    return { ...base, body, goneAfterBytes: 200 + Math.floor(random() * 3_000) };
  }
  if (kind < 0.86) {
    // Whatever is generated after a client left unheard has no id to ask by: nothing is to come so soon.
    return { ...base, body: chat(pick(MODELS), { ttft_ms: 1_500 }), goneAfterMs: 20 + Math.floor(random() * 200) };
  }
  if (kind < 0.88) {
    // The first takes three seconds, in which it generates nothing: the loser of the race.
    const body = chat(`sim/slow-start/${n}`, {}, { models: [pick(MODELS)] });
    return { ...base, body, headers: { ...base.headers, 'x-gateway-hedge': 'true' } };
  }
  if (kind < 0.91) {
    // Some of them have been asked before: their answers come from the cache.
    const question = Math.floor(random() * 20);
    const body = { model: MODELS[0], temperature: 0, messages: [{ role: 'user', content: `Question ${question}` }] };
    return { ...base, body };
  }
  if (kind < 0.95) {
    const body = { model: pick(MODELS), input: `Request ${n}`, max_output_tokens: 200, stream: streamed };
    return { ...base, path: '/v1/responses', body };
  }
  if (kind < 0.98) {
    return {
      ...base,
      path: '/v1/embeddings',
      body: { model: 'openai/text-embedding-3-small', input: `Request ${n}` },
    };
  }
  return { ...base, path: '/v1/completions', body: { model: pick(MODELS), prompt: `Request ${n}`, max_tokens: 20 } };
}
