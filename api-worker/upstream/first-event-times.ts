const TIMES_KEPT = 50;
/** Fewer tell nothing of a twentieth. */
const TIMES_NEEDED = 20;
const MODELS_MAX = 1_000;

/** How long the first events of a model took in this isolate, ms, oldest first. */
const times = new Map<string, number[]>();

/** Whole answers take longer than first events. */
export function timesKey(model: string, streamed: boolean): string {
  return `${streamed ? 'stream' : 'whole'}:${model}`;
}

export function addFirstEventTime(key: string, ms: number): void {
  const known = times.get(key) ?? [];
  known.push(ms);
  if (known.length > TIMES_KEPT) known.shift();
  times.delete(key);
  times.set(key, known);
  const [oldest] = times.keys();
  if (times.size > MODELS_MAX && oldest !== undefined) times.delete(oldest);
}

/** By when 95 of 100 first events come, ms; null: too few are known. */
export function usualFirstEventTime(key: string): number | null {
  const known = times.get(key);
  if (!known || known.length < TIMES_NEEDED) return null;
  const sorted = known.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? null;
}
