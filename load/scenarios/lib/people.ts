import { sleep } from 'k6';
import exec from 'k6/execution';
import { embeddings, streamedChat, type Target, wholeChat } from './gateway.ts';
import { KEYS, SHORT } from './target.ts';

/** Between an answer and the next question, ms: somebody reads. */
const PAUSE_MS: readonly [number, number] = SHORT ? [1_000, 2_000] : [5_000, 15_000];

/** The key of whoever this is: people are spread over all accounts. */
export function ownKey(): string {
  return KEYS[(exec.vu.idInTest - 1) % KEYS.length] ?? '';
}

/** Anything from the first to before the second, in whole numbers. */
export function between(least: number, most: number): number {
  return Math.floor(least + Math.random() * (most - least));
}

/**
 * What a person or a program at the other end does over and over: of ten requests seven streamed chats (20 to 50
 * chunks, 20 ms apart), two chats as JSON, one of embeddings; then comes a pause.
 */
export function askAndRead(target: Target): void {
  const key = ownKey();
  const kind = Math.random();
  if (kind < 0.7) streamedChat(target, key, { chunks: between(20, 50), ttft_ms: between(200, 400), gap_ms: 20 });
  else if (kind < 0.9) wholeChat(target, key, { chunks: between(20, 50), ttft_ms: between(400, 800), gap_ms: 0 });
  else embeddings(target, key, between(50, 150));
  sleep(between(...PAUSE_MS) / 1000);
}

/** The same of people who do not all come at the same moment. */
export function asPeopleDo(target: Target): void {
  comeWithin(PAUSE_MS[1]);
  askAndRead(target);
}

/** Lets whoever comes for the first time wait for some of so many ms. */
export function comeWithin(ms: number): void {
  if (exec.vu.iterationInScenario === 0) sleep(between(0, ms) / 1000);
}
