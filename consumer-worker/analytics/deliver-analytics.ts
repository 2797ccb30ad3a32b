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
import { PostHogUnavailable, send } from './posthog.ts';

/** Of one request to PostHog: 12 MB at most, where it takes 20. An isolate has to hold it several times. */
const PART_MAX_CHARS = 4_000_000;

/** So many messages refused and none accepted are no accident: PostHog, or a proxy before it, refuses whatever it gets. */
const REFUSALS_MAX = 3;
/**
 * From this delivery on, two to three days after the first, a refused message is a dead letter even though nothing else
 * was accepted beside it: else one that always comes alone would rest until its queue, after four days, deletes it.
 */
const LAST_DELIVERY_ALONE = 60;

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
 *    content, and if it is refused then, becomes a dead letter, provided that PostHog accepted another of its batch;
 * 4. when PostHog is away, answers anything else, or refuses whatever it gets, nothing more is tried: what is not
 *    acknowledged goes back, to rest.
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
  const refusals = new Refusals();
  try {
    if (key) await sendAll(env, key, pairs(valid, events), { settle, failed, refusals });
    else settle(valid);
  } catch (failure) {
    failed(failure);
  }
  letters.push(...refusals.letters());
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
  /** What PostHog will not have. */
  refusals: Refusals;
  /** A message could not be made into events; the others go on. */
  failed(failure: unknown): void;
}

/** The messages of a batch that PostHog refuses, without content too, and whether that is their own fault. */
class Refusals {
  readonly #refused: { message: Message; status: number }[] = [];
  #accepted = false;

  accepted(): void {
    this.#accepted = true;
  }

  /** @throws PostHogUnavailable where it seems to refuse whatever it gets. */
  add(message: Message, status: number): void {
    this.#refused.push({ message, status });
    if (this.#refused.length >= REFUSALS_MAX) this.judge();
  }

  /** @throws PostHogUnavailable where something was refused, and nothing accepted. */
  judge(): void {
    const last = this.#refused.at(-1);
    if (last && !this.#accepted) throw new PostHogUnavailable(`PostHog refuses everything, last with ${last.status}`);
  }

  /** Those that are to be dead letters; the others rest. */
  letters(): DeadLetter[] {
    return this.#refused
      .filter(({ message }) => this.#accepted || message.attempts >= LAST_DELIVERY_ALONE)
      .map(({ message, status }) => ({ message, reason: `refused by PostHog with ${status}` }));
  }
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
  ends.refusals.judge();
}

/** @throws PostHogUnavailable */
async function sendPart(env: Env, key: string, part: readonly Item[], ends: Ends): Promise<void> {
  const status = await trySending(env, key, part, ends);
  if (status !== null) await narrow(env, key, part, status, ends);
}

/**
 * Sends the halves of a part that was refused, and then narrows down those that are, too. Both halves first, so that
 * of few messages that are refused, wherever they stand, the third is not found before something is accepted.
 *
 * @param status by which the part was refused.
 * @throws PostHogUnavailable
 */
async function narrow(env: Env, key: string, part: readonly Item[], status: number, ends: Ends): Promise<void> {
  const [first, ...others] = part;
  if (first === undefined) return;
  if (others.length === 0) {
    if (first.bare) await sendPart(env, key, [await first.bare()], ends);
    else ends.refusals.add(first.message, status);
    return;
  }
  const middle = Math.ceil(part.length / 2);
  const refused: { half: Item[]; by: number }[] = [];
  for (const half of [part.slice(0, middle), part.slice(middle)]) {
    const by = await trySending(env, key, half, ends);
    if (by !== null) refused.push({ half, by });
  }
  for (const { half, by } of refused) await narrow(env, key, half, by, ends);
}

/**
 * Sends a part and settles its messages.
 *
 * @returns null: PostHog has it; else the status by which it refused it as it is.
 * @throws PostHogUnavailable
 */
async function trySending(env: Env, key: string, part: readonly Item[], ends: Ends): Promise<number | null> {
  const captures = part.flatMap((item) => item.captures);
  const status = await send(env, key, captures);
  if (status !== null) return status;
  if (captures.length > 0) ends.refusals.accepted();
  ends.settle(part.map(({ message }) => message));
  return null;
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
