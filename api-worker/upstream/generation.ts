import { askableId, askGeneration, type Generation } from '../../shared/generation.ts';
import type { Env } from '../env.ts';
import type { AttemptRecord } from './journal.ts';

/** The upstream knows a generation soon after its end, not at once. */
const ASK_AFTER_MS = [200, 500, 1_000, 2_000, 4_000];
/** Of one asking. */
const TIMEOUT_MS = 3_000;
/** Of the 30 s that `waitUntil` leaves: the queue and the limiter are told after it. */
const ASK_WITHIN_MS = 12_000;

/**
 * The truth about an attempt that did not tell its usage itself: the client left, the upstream died,
 * another was faster. The upstream is asked once for it however often this is called; what it does not
 * know in time, the consumer asks it later.
 *
 * @returns null when it has no id or the upstream does not know in time. Never rejects.
 */
export function generationOf(env: Env, record: AttemptRecord, id: string | null): Promise<Generation | null> {
  const askable = askableId(id);
  if (askable === null) return Promise.resolve(null);
  record.generation ??= ask(env, askable);
  return record.generation;
}

async function ask(env: Env, id: string): Promise<Generation | null> {
  const giveUpAt = Date.now() + ASK_WITHIN_MS;
  for (const delayMs of ASK_AFTER_MS) {
    if (Date.now() + delayMs + TIMEOUT_MS > giveUpAt) break;
    await scheduler.wait(delayMs);
    const generation = await askGeneration(env, id).catch(() => null);
    if (generation) return generation;
  }
  return null;
}
