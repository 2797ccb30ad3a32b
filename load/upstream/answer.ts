import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { type Account, costAtto, type Entry, nanoOf } from './account.ts';
import { errorBody, failuresOf, STATUS_MESSAGES } from './faults.ts';
import type { Plan } from './plan.ts';
import type { SimOptions } from './request.ts';
import type { StreamForm } from './stream-form.ts';
import { COMMENT, sse } from './wire.ts';

const COMMENT_EVERY_MS = 500;
const SLOW_START_MS = 3_000;

interface Speed {
  ttftMs: number;
  gapMs: number;
}

/** One answer on its way: what is to be sent, and the account's entry for it. */
export interface Delivery {
  response: ServerResponse;
  entry: Entry;
  plan: Plan;
  fault: string | null;
  speed: Speed;
  sim: SimOptions;
  account: Account;
  /** When the request had come in whole, by `performance.now()`. */
  receivedAt: number;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Faults that come instead of any answer. Returns whether there was one. */
export async function failBefore({ response, entry, fault, sim, account }: Delivery): Promise<boolean> {
  const refuse = (status: number) => {
    entry.status = status;
    const headers: Record<string, string> =
      status === 429 || sim.retry_after ? { 'retry-after': String(sim.retry_after ?? 1) } : {};
    sendJson(response, status, errorBody(status), headers);
    return true;
  };
  if (fault === null) return false;
  const status = Number(/^status-(\d+)$/.exec(fault)?.[1]);
  if (STATUS_MESSAGES[status]) return refuse(status);
  const failures = failuresOf(fault);
  if (failures !== null) {
    const key = `${entry.requested_model}|${sim.key ?? ''}`;
    const left = account.failuresLeft.get(key) ?? failures;
    account.failuresLeft.set(key, left - 1);
    return left > 0 ? refuse(503) : false;
  }
  if (fault === 'die-before-bytes') {
    response.socket?.destroy();
    return true;
  }
  if (fault === 'silence') {
    await once(response, 'close');
    return true;
  }
  return false;
}

/** Writes the events of a stream at their speed, with whatever goes wrong, and books what was sent. */
export async function sendStream(delivery: Delivery, form: StreamForm): Promise<void> {
  const { response, entry, plan, fault, speed, sim } = delivery;
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'x-generation-id': plan.id,
  });
  response.flushHeaders();
  if (await failAfterHeaders(delivery)) return;
  await write(response, COMMENT);
  await comment(response, fault === 'slow-start' ? speed.ttftMs || SLOW_START_MS : speed.ttftMs);
  if (fault === 'error-first-event') {
    response.end(form.firstError() + sse('[DONE]'));
    return;
  }
  const firstMs = taken(delivery);
  for (const [n, event] of form.events.entries()) {
    if (n === form.half && (await failHalfway(delivery, form))) return;
    if (n > 0 && speed.gapMs > 0) await wait(speed.gapMs);
    if (response.destroyed) return bookPart(delivery, form.generated(entry.chunks_sent));
    await write(response, event);
    entry.chunks_sent += 1;
  }
  bookAll(delivery);
  const ending = form.ending(fault !== 'no-usage');
  if (fault === 'truncated-json') {
    response.end(ending.slice(0, ending.length / 2));
    return;
  }
  const times = sim.timing ? `: sim first ${firstMs} ms, all ${taken(delivery)} ms\n\n` : '';
  response.end(ending + (fault === 'no-done' ? '' : sse('[DONE]')) + times);
}

/** Milliseconds since the request had come in, to a tenth. */
function taken({ receivedAt }: Delivery): string {
  return (performance.now() - receivedAt).toFixed(1);
}

/**
 * Writes a whole JSON answer after padding, with whatever goes wrong. `failed` is what an error looks like that has
 * the endpoint's own form; it is billed if it tells usage.
 */
export async function sendWhole(delivery: Delivery, body: unknown, failed: object | null = null): Promise<void> {
  const { response, entry, plan, fault, speed, sim } = delivery;
  response.writeHead(200, { 'content-type': 'application/json', 'x-generation-id': plan.id });
  response.flushHeaders();
  if (await failAfterHeaders(delivery)) return;
  await write(response, '\n         ');
  await wait(fault === 'slow-start' ? speed.ttftMs || SLOW_START_MS : speed.ttftMs);
  if (response.destroyed) return bookPart(delivery, entry.chunks_sent);
  if (fault?.startsWith('error-')) {
    if (failed && 'usage' in failed) bookAll(delivery);
    response.end(JSON.stringify(failed ?? errorBody(502)));
    return;
  }
  const json = JSON.stringify(body);
  if (fault === 'truncated-json') {
    response.end(json.slice(0, json.length / 2));
    return;
  }
  if (fault === 'die-mid-stream' || fault === 'silence-mid-stream') {
    await write(response, json.slice(0, json.length / 2));
    // Time for the first half to arrive: destroying a socket discards what is still on its way.
    await wait(speed.gapMs);
    if (fault === 'die-mid-stream') response.socket?.destroy();
    else await once(response, 'close');
    return;
  }
  bookAll(delivery);
  response.end(`\n   \n${sim.timing ? json.replace(/}$/, `,"sim_ms":${taken(delivery)}}`) : json}`);
}

async function failAfterHeaders({ response, fault }: Delivery): Promise<boolean> {
  switch (fault) {
    case 'die-after-headers':
      response.socket?.destroy();
      return true;
    case 'silence-after-headers':
      await once(response, 'close');
      return true;
    case 'empty-stream':
      response.end();
      return true;
    case 'error-200-json':
      response.end(`\n  ${JSON.stringify(errorBody(502))}`);
      return true;
    default:
      return false;
  }
}

async function failHalfway(delivery: Delivery, form: StreamForm): Promise<boolean> {
  const { response, entry, fault } = delivery;
  const error = form.errorHalfway(fault, entry.chunks_sent);
  if (error !== null) {
    const told = fault === 'error-mid-stream-usage';
    if (told) bookAll(delivery);
    else bookPart(delivery, form.generated(entry.chunks_sent));
    // One that tells usage was seen to end without [DONE].
    response.end(error + (told ? '' : sse('[DONE]')));
    return true;
  }
  if (fault === 'die-mid-stream') response.socket?.destroy();
  else if (fault === 'silence-mid-stream') await once(response, 'close');
  else return false;
  bookPart(delivery, form.generated(entry.chunks_sent));
  return true;
}

async function comment(response: ServerResponse, forMs: number): Promise<void> {
  for (let left = forMs; left > 0 && !response.destroyed; left -= COMMENT_EVERY_MS) {
    await wait(Math.min(left, COMMENT_EVERY_MS));
    if (left > COMMENT_EVERY_MS) await write(response, COMMENT);
  }
}

async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  await Promise.race([once(response, 'drain'), once(response, 'close')]);
}

function bookAll({ entry, plan }: Delivery): void {
  Object.assign(entry, {
    prompt_tokens: plan.tokens.prompt,
    completion_tokens: plan.tokens.completion,
    cached_tokens: plan.tokens.cached,
    cache_write_tokens: plan.tokens.cacheWrite,
    reasoning_tokens: plan.tokens.reasoning,
    cost_nano_usd: nanoOf(plan.cost),
    billed: true,
  });
}

/**
 * An answer that broke off is billed for what was generated; one of which nothing was, is not (OpenRouter's
 * "zero completion insurance"), unless the request wants it as providers do it that charge the prompt.
 */
function bookPart(delivery: Delivery, generated: number): void {
  if (generated === 0 && !delivery.sim.charges_prompt) return;
  const { plan } = delivery;
  const completion = Math.min(generated, plan.tokens.completion);
  const tokens = { ...plan.tokens, completion, reasoning: Math.min(plan.tokens.reasoning, completion) };
  bookAll({ ...delivery, plan: { ...plan, tokens, cost: costAtto(plan.model, tokens) } });
}
