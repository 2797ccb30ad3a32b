import { setTimeout as wait } from 'node:timers/promises';

/** Asks again until the answer is not null; fails after `withinMs`. */
export async function eventually<T>(ask: () => Promise<T | null>, withinMs = 10_000): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await wait(25)) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (Date.now() > deadline) throw new Error(`Did not come true within ${withinMs} ms: ${ask}`);
  }
}
