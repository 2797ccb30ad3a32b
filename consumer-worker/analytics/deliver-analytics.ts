import { AnalyticsMessage } from '../../shared/analytics-message.ts';
import { runTransaction } from '../../shared/d1.ts';
import { type DeadLetter, deadLetterStatements } from '../dead-letters/keep.ts';
import type { Env } from '../env.ts';
import { giveBack } from '../give-back.ts';
import { logBatch } from '../log.ts';
import { sortMessages } from '../sort.ts';
import { type Capture, kindsOf, requestCaptures } from './captures.ts';
import { type Content, contentOf, without } from './content.ts';
import { exceptionCapture } from './exception-capture.ts';
import { send } from './posthog.ts';

/** Of one request to PostHog: 12 MB at most, where it takes 20. An isolate has to hold it several times. */
const PART_MAX_CHARS = 4_000_000;

/** A message, and what PostHog is told by it. */
interface Item {
  message: Message;
  captures: Capture[];
  /** Of their JSON. */
  chars: number;
  /** The same without content; null: it holds none. */
  bare: (() => Promise<Item>) | null;
}

/**
 * Brings a batch to PostHog, content unpacked, in parts that an isolate can hold:
 * 1. what is no message of ours becomes a dead letter;
 * 2. each part is sent and then acknowledged, so that a crash before leads to a second delivery, whose events
 *    PostHog knows again by their ids;
 * 3. a part that is refused as it is, is halved until the message stands alone for which it is; that goes without its
 *    content, and if it is refused then, becomes a dead letter;
 * 4. when PostHog is away, or answers anything else, nothing more is tried: what is not acknowledged goes back, to rest.
 *
 * Without POSTHOG_API_KEY the messages are counted and dropped. Never throws: a throw would bring back what was
 * acknowledged.
 */
export async function deliverAnalytics({ queue, messages }: MessageBatch, env: Env): Promise<void> {
  const startedAt = Date.now();
  const { events, valid, dead } = sortMessages(messages, AnalyticsMessage);
  const letters: DeadLetter[] = dead;
  const open = new Set(messages);
  const settle = (done: readonly Message[]): void => {
    for (const message of done) {
      message.ack();
      open.delete(message);
    }
  };

  // For the log alone: a report of what fails here would come here.
  const failures: unknown[] = [];
  const failed = (failure: unknown): void => void failures.push(failure);
  const key = env.POSTHOG_API_KEY;
  try {
    if (key)
      await sendAll(env, key, pairs(valid, events), { settle, failed, refused: (letter) => letters.push(letter) });
    else settle(valid);
  } catch (failure) {
    failed(failure);
  }
  const written = messages.length - open.size;
  try {
    if (letters.length > 0) await runTransaction(env.DB, deadLetterStatements(env.DB, queue, letters));
    settle(letters.map(({ message }) => message));
  } catch (failure) {
    failed(failure);
  }
  giveBack(queue, [...open]);
  logBatch({
    queue,
    startedAt,
    messages: messages.length,
    written,
    dead_letters: messages.length - written - open.size,
    retried: open.size,
    error: failures[0],
  });
}

interface Ends {
  /** They are where they belong. */
  settle(messages: readonly Message[]): void;
  /** PostHog will not have this one. */
  refused(letter: DeadLetter): void;
  /** A message could not be made into events; the others go on. */
  failed(failure: unknown): void;
}

/** @throws PostHogUnavailable; then what is not settled is open. */
async function sendAll(
  env: Env,
  key: string,
  messages: Iterable<readonly [Message, AnalyticsMessage]>,
  ends: Ends,
): Promise<void> {
  let part: Item[] = [];
  let chars = 0;
  for (const [message, body] of messages) {
    let item: Item;
    try {
      item = await itemOf(env, message, body);
    } catch (failure) {
      ends.failed(failure);
      continue;
    }
    if (chars + item.chars > PART_MAX_CHARS) {
      await sendPart(env, key, part, ends);
      part = [];
      chars = 0;
    }
    part.push(item);
    chars += item.chars;
  }
  await sendPart(env, key, part, ends);
}

/** @throws PostHogUnavailable */
async function sendPart(env: Env, key: string, part: readonly Item[], ends: Ends): Promise<void> {
  const status = await send(
    env,
    key,
    part.flatMap(({ captures }) => captures),
  );
  const [only, ...others] = part;
  if (only === undefined) return;
  if (status === null) return ends.settle(part.map(({ message }) => message));
  if (others.length > 0) {
    const half = Math.ceil(part.length / 2);
    await sendPart(env, key, part.slice(0, half), ends);
    await sendPart(env, key, part.slice(half), ends);
  } else if (only.bare) await sendPart(env, key, [await only.bare()], ends);
  else ends.refused({ message: only.message, reason: `refused by PostHog with ${status}` });
}

async function itemOf(env: Env, message: Message, body: AnalyticsMessage): Promise<Item> {
  if (body.kind === 'exception') return item(message, [exceptionCapture(body)]);
  const capturesWith = (content: Content) => requestCaptures(env, kindsOf(env.POSTHOG_EVENTS), body, content);
  const content = await contentOf(body);
  const captures = await capturesWith(content);
  if (Object.keys(content.properties).length === 0) return item(message, captures);
  return item(message, captures, async () => item(message, await capturesWith(without(body, 'refused'))));
}

function item(message: Message, captures: Capture[], bare: Item['bare'] = null): Item {
  return { message, captures, chars: JSON.stringify(captures).length, bare };
}

function* pairs(messages: readonly Message[], bodies: readonly AnalyticsMessage[]) {
  for (const [place, body] of bodies.entries()) {
    const message = messages[place];
    if (message) yield [message, body] as const;
  }
}
