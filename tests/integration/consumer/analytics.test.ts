import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { exceptionCapture } from '../../../consumer-worker/analytics/exception-capture.ts';
import { reportException } from '../../../consumer-worker/analytics/report-exception.ts';
import type { Env } from '../../../consumer-worker/env.ts';
import { runJobs } from '../../../consumer-worker/jobs.ts';
import type { AnalyticsEvent } from '../../../shared/analytics-event.ts';
import { exceptionReport } from '../../../shared/exception-report.ts';
import {
  captureLog,
  consume,
  countOf,
  type Delivery,
  deliveries,
  failing,
  freshDatabase,
  NOW,
  OVERLOADED,
  requestId,
  rows,
  USAGE_QUEUE,
  usageEvent,
} from './support.ts';

const QUEUE = 'openai-api-analytics';
const POSTHOG_HOST = new URL(inject('upstreamUrl')).origin;
const ON = { POSTHOG_HOST, POSTHOG_API_KEY: 'phc_of_the_tests' };
const QUESTION = { messages: [{ role: 'user', content: 'What is the secret?' }], temperature: 0.5, max_tokens: 9 };
const ANSWER = { choices: [{ index: 0, message: { role: 'assistant', content: 'The secret is 42.' } }] };

/** An event as the simulated PostHog got it. */
interface Got {
  event: string;
  uuid: string;
  distinct_id: string;
  timestamp: string;
  properties: Record<string, unknown>;
}

let log: Record<string, unknown>[] = [];
beforeEach(async () => {
  log = captureLog();
  await freshDatabase();
  await fetch(`${POSTHOG_HOST}/sim/posthog`, { method: 'DELETE' });
});

/** What PostHog has got, and how it answered each batch. */
async function posthog(): Promise<{ events: Got[]; statuses: number[] }> {
  return (await fetch(`${POSTHOG_HOST}/sim/posthog`)).json();
}

async function got(name: string): Promise<Got[]> {
  return (await posthog()).events.filter(({ event }) => event === name);
}

async function fail(fault: object | null): Promise<void> {
  await fetch(`${POSTHOG_HOST}/sim/faults`, { method: 'POST', body: JSON.stringify({ posthog: fault }) });
}

function send(messages: readonly Delivery[], changed: Partial<Env> = {}, db = env.DB) {
  return consume(QUEUE, messages, db, { ...ON, ...changed });
}

async function analyticsEvent(n = 1, change: Partial<AnalyticsEvent> = {}): Promise<AnalyticsEvent> {
  const [input, output] = [JSON.stringify(QUESTION), JSON.stringify(ANSWER)];
  return {
    ...usageEvent(n),
    streamed: false,
    message_count: 1,
    conversation_id: 'talk-7',
    private: false,
    input: await packed(input),
    output: await packed(output),
    input_length: input.length,
    output_length: output.length,
    input_omitted: null,
    output_omitted: null,
    ...change,
  };
}

/** Text that gzip does little with. */
function noise(length: number): string {
  const words = Array.from({ length: length / 8 }, (_, n) =>
    ((n * 2654435761) % 2 ** 32).toString(16).padStart(8, '0'),
  );
  return words.join('');
}

function question(content: string): string {
  return JSON.stringify({ messages: [{ role: 'user', content }] });
}

/** A gzip that says of itself that it is of so many bytes. */
function withLength(gzip: string, length: number): string {
  const bytes = Uint8Array.from(atob(gzip), (char) => char.charCodeAt(0));
  new DataView(bytes.buffer).setUint32(bytes.length - 4, length, true);
  return btoa(String.fromCharCode(...bytes));
}

/** Gzipped, in base64. */
async function packed(text: string): Promise<string> {
  const zipped = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(zipped).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function analyticsEvents(count: number): Promise<AnalyticsEvent[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => analyticsEvent(n)));
}

describe('a request', () => {
  it('becomes $ai_generation, $ai_conversation and $ai_usage, told once to PostHog', async () => {
    const { explicitAcks } = await send(deliveries([await analyticsEvent()]));
    expect(explicitAcks).toEqual(['m0']);
    const { events, statuses } = await posthog();
    expect(statuses).toEqual([200]);
    expect(events.map(({ event }) => event)).toEqual(['$ai_generation', '$ai_conversation', '$ai_usage']);
    for (const event of events) {
      expect(event).toMatchObject({ distinct_id: 'account-1', timestamp: new Date(NOW).toISOString() });
      expect(event.properties).toMatchObject({ request_id: requestId(1), $geoip_disable: true, $ignore_sent_at: true });
    }
    const [generation, conversation, usage] = events;
    expect(generation?.properties).toMatchObject({
      $ai_trace_id: requestId(1),
      $ai_span_id: requestId(1),
      $ai_session_id: 'talk-7',
      $ai_model: 'openai/gpt-5-mini-2025-08-07',
      $ai_provider: 'OpenAI',
      $ai_base_url: 'https://openrouter.ai/api/v1',
      $ai_input: QUESTION.messages,
      $ai_output_choices: [{ role: 'assistant', content: 'The secret is 42.' }],
      $ai_input_tokens: 100,
      $ai_output_tokens: 20,
      $ai_cache_read_input_tokens: 40,
      $ai_cache_creation_input_tokens: 0,
      $ai_reasoning_tokens: 5,
      $ai_cache_reporting_exclusive: false,
      $ai_total_cost_usd: 0.00001875,
      $ai_cost_passthrough: true,
      $ai_latency: 0.9,
      $ai_http_status: 200,
      $ai_is_error: false,
      $ai_stop_reason: 'stop',
      $ai_stream: false,
      $ai_temperature: 0.5,
      $ai_max_tokens: 9,
      input_length: JSON.stringify(QUESTION).length,
      output_length: JSON.stringify(ANSWER).length,
    });
    // Of an answer that was not streamed the first token came with the last.
    expect(generation?.properties).not.toHaveProperty('$ai_time_to_first_token');
    expect(generation?.properties).not.toHaveProperty('input_omitted');
    expect(conversation?.properties).toMatchObject({
      conversation_id: 'talk-7',
      message_count: 1,
      conversation_length: JSON.stringify(QUESTION).length + JSON.stringify(ANSWER).length,
    });
    expect(usage?.properties).toMatchObject({
      model: 'openai/gpt-5-mini-2025-08-07',
      input_tokens: 100,
      output_tokens: 20,
      total_tokens: 120,
      cost_usd: 0.00001875,
    });
    expect(log).toMatchObject([{ event: 'batch', queue: QUEUE, messages: 1, written: 1, dead_letters: 0, retried: 0 }]);
  });

  it('is told again with the same ids, unlike each other, when it is delivered again', async () => {
    await send(deliveries([await analyticsEvent()]));
    await send(deliveries([await analyticsEvent()], 2));
    const { events } = await posthog();
    const identity = ({ event, uuid, distinct_id, timestamp }: Got) => [event, uuid, distinct_id, timestamp].join(' ');
    expect(events).toHaveLength(6);
    expect(events.slice(3).map(identity)).toEqual(events.slice(0, 3).map(identity));
    const [generation, ...others] = new Set(events.map(({ uuid }) => uuid));
    expect(generation).toBe(requestId(1));
    expect(others).toHaveLength(2);
    for (const uuid of others) expect(uuid).toMatch(/^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  it('becomes those events only that POSTHOG_EVENTS names', async () => {
    await send(deliveries([await analyticsEvent()]), { POSTHOG_EVENTS: ' usage ,no-such' });
    expect((await posthog()).events.map(({ event }) => event)).toEqual(['$ai_usage']);
    const { explicitAcks } = await send(deliveries([await analyticsEvent()]), { POSTHOG_EVENTS: '' });
    expect(explicitAcks).toHaveLength(1);
    expect((await posthog()).statuses).toHaveLength(1);
  });

  it('of embeddings is no conversation, and its vectors stay here', async () => {
    const vectors = { data: [{ object: 'embedding', embedding: [0.25, 0.5] }] };
    const event = await analyticsEvent(1, {
      endpoint: '/v1/embeddings',
      input: await packed(JSON.stringify({ input: ['one', 'two'] })),
      output: await packed(JSON.stringify(vectors)),
    });
    await send(deliveries([event]));
    const { events } = await posthog();
    expect(events.map(({ event: name }) => name)).toEqual(['$ai_embedding', '$ai_usage']);
    expect(events[0]?.properties).toMatchObject({ $ai_trace_id: requestId(1), $ai_input_tokens: 100 });
    expect(events[0]?.properties.$ai_input).toEqual([
      { role: 'user', content: 'one' },
      { role: 'user', content: 'two' },
    ]);
    expect(events[0]?.properties).not.toHaveProperty('$ai_output_choices');
    expect(events[0]?.properties).not.toHaveProperty('output_omitted');
  });

  it.each([
    [502, { $ai_is_error: true, $ai_error: 'HTTP 502' }],
    [499, { $ai_is_error: false }],
  ])('that ended with %i says whether that is an error', async (status, properties) => {
    const nothing = { model: null, cost_nano_usd: null, input_tokens: null, output_tokens: null, output_length: 0 };
    await send(deliveries([await analyticsEvent(1, { ...nothing, status, output: null })]));
    const [generation] = await got('$ai_generation');
    expect(generation?.properties).toMatchObject({
      ...properties,
      $ai_http_status: status,
      $ai_model: 'openai/gpt-5-mini',
    });
    for (const unknown of ['$ai_total_cost_usd', '$ai_cost_passthrough', '$ai_input_tokens', 'output_omitted'])
      expect(generation?.properties).not.toHaveProperty(unknown);
  });

  it('from a worker that did not send content yet is told all the same', async () => {
    await send(deliveries([{ ...usageEvent(1), streamed: true, message_count: 2 }]));
    const [generation] = await got('$ai_generation');
    expect(generation?.properties).toMatchObject({ message_count: 2, $ai_time_to_first_token: 0.3, input_length: 0 });
  });
});

describe('content', () => {
  const told = async (change: Partial<AnalyticsEvent>) => {
    await send(deliveries([await analyticsEvent(1, change)]));
    return (await got('$ai_generation')).at(-1)?.properties ?? {};
  };

  it('of a private request is lengths', async () => {
    const properties = await told({ private: true });
    expect(properties).toMatchObject({
      private: true,
      input_omitted: 'private',
      output_omitted: 'private',
      input_length: JSON.stringify(QUESTION).length,
    });
    expect(JSON.stringify(await posthog())).not.toContain('secret');
  });

  it('that did not fit into its message is left out and marked', async () => {
    const properties = await told({ input: null, input_length: 3_000_000 });
    expect(properties).toMatchObject({ input_omitted: 'size', input_length: 3_000_000 });
    expect(properties).not.toHaveProperty('$ai_input');
    expect(properties).toHaveProperty('$ai_output_choices');
  });

  it.each(['off', 'dead_letter'] as const)('that was left out before it came here says why: %s', async (why) => {
    const properties = await told({ input: null, input_omitted: why });
    expect(properties).toMatchObject({ input_omitted: why });
    expect(properties).not.toHaveProperty('output_omitted');
    expect(properties).toHaveProperty('$ai_output_choices');
    // Where there was nothing, nothing was left out.
    const nothing = await told({ output: null, output_length: 0, output_omitted: why });
    expect(nothing).not.toHaveProperty('output_omitted');
  });

  it.each([
    ['text', 'x'.repeat(900_000)],
    ['quotes, which double where PostHog keeps events', '"'.repeat(250_000)],
    ['characters of several bytes', '語'.repeat(300_000)],
  ])('that does not fit into an event is left out, the longer text of the two: %s', async (_, text) => {
    const input = question(text);
    const properties = await told({ input: await packed(input), input_length: input.length });
    expect(properties).toMatchObject({ input_omitted: 'size', input_length: input.length });
    expect(properties).toMatchObject({ $ai_output_choices: [{ content: 'The secret is 42.' }] });
    expect((await posthog()).statuses).toEqual([200]);
  });

  it('is never inflated past what an isolate can hold', async () => {
    const bomb = question('0'.repeat(100_000_000));
    const properties = await told({ input: await packed(bomb), output: await packed(bomb), streamed: true });
    expect(properties).toMatchObject({ input_omitted: 'size', output_omitted: 'size' });
  });

  it.each([
    ['no gzip', async () => btoa('plain text')],
    ['nothing', async () => ''],
    ['a gzip of less than it says', async () => withLength(await packed('{}'), 3)],
    ['no JSON', () => packed('<html>')],
    ['no request', () => packed('[1]')],
  ])('that cannot be read is marked, and the rest is told: %s', async (_, input) => {
    const properties = await told({ input: await input() });
    expect(properties).toMatchObject({ input_omitted: 'unreadable' });
    expect(properties).toHaveProperty('$ai_output_choices');
  });

  it('of a whole batch is sent in parts that an isolate can hold', async () => {
    const long = question(noise(500_000));
    const input = await packed(long);
    const events = (await analyticsEvents(20)).map((event) => ({ ...event, input, input_length: long.length }));
    const { explicitAcks } = await send(deliveries(events));
    expect(explicitAcks).toHaveLength(20);
    const { events: all, statuses } = await posthog();
    expect(all).toHaveLength(60);
    expect(statuses.length).toBeGreaterThan(2);
    expect(statuses.length).toBeLessThan(6);
  });
});

describe('while PostHog is away', () => {
  it.each([500, 503, 429, 401, 403, 404, 302, 0])(
    'answering %i, a batch is tried once and goes back, to rest',
    async (status) => {
      await fail({ status });
      const { explicitAcks, retryMessages, delays } = await send(deliveries(await analyticsEvents(100), 5));
      expect(explicitAcks).toEqual([]);
      expect(retryMessages).toHaveLength(100);
      expect(delays.every((delay) => delay >= 24 && delay <= 32)).toBe(true);
      expect((await posthog()).statuses).toEqual([status]);
      const error = status === 0 ? 'PostHog could not be reached' : `PostHog answered ${status}`;
      expect(log).toMatchObject([{ level: 'error', messages: 100, written: 0, dead_letters: 0, retried: 100 }]);
      expect(log[0]?.error).toMatch(new RegExp(`^${error} ← PostHogFetch`));
    },
  );

  it('nothing is lost, and what was given back is told when it is there again', async () => {
    const messages = deliveries(await analyticsEvents(10));
    await fail({ status: 503, times: 2 });
    for (const attempts of [1, 2]) {
      const { retryMessages } = await send(messages.map((message) => ({ ...message, attempts })));
      expect(retryMessages).toHaveLength(10);
    }
    const { explicitAcks } = await send(messages.map((message) => ({ ...message, attempts: 3 })));
    expect(explicitAcks).toHaveLength(10);
    expect((await got('$ai_generation')).map(({ uuid }) => uuid)).toEqual(
      Array.from({ length: 10 }, (_, n) => requestId(n)),
    );
  });

  it('exactly those messages go back that it has not got', async () => {
    const long = question(noise(600_000));
    const input = await packed(long);
    const events = (await analyticsEvents(12)).map((event) => ({ ...event, input }));
    await fail({ status: 503, after: 1 });
    const { explicitAcks, retryMessages } = await send(deliveries(events), { POSTHOG_EVENTS: 'generation' });
    const told = (await got('$ai_generation')).map(({ uuid }) =>
      events.findIndex(({ request_id }) => request_id === uuid),
    );
    expect(told.length).toBeGreaterThan(0);
    expect(explicitAcks).toEqual(told.map((n) => `m${n}`));
    expect([...explicitAcks, ...retryMessages.map(({ msgId }) => msgId)]).toEqual(events.map((_, n) => `m${n}`));
    expect((await posthog()).statuses).toEqual([200, 503]);
  });

  it('dead letters are kept all the same', async () => {
    await fail({ status: 503 });
    const { explicitAcks, retryMessages } = await send(deliveries([await analyticsEvent(), 'no event']));
    expect(explicitAcks).toEqual(['m1']);
    expect(retryMessages).toMatchObject([{ msgId: 'm0' }]);
    expect(log).toMatchObject([{ messages: 2, written: 0, dead_letters: 1, retried: 1 }]);
  });

  it('the log tells why it cannot be reached', async () => {
    await fail({ status: 0 });
    await send(deliveries([await analyticsEvent()]));
    expect(log[0]?.error).toBe(
      'PostHog could not be reached ← PostHogFetchNetworkError ← Error: Network connection lost.',
    );
  });

  it('the log quotes nothing', async () => {
    await fail({ status: 500 });
    await send(deliveries([await analyticsEvent()]));
    expect(JSON.stringify(log)).not.toMatch(/secret|phc_/);
  });
});

describe('what PostHog refuses as it is', () => {
  const MARK = 'indigestible';
  const refusedInContent = async (n: number) => {
    const [input, output] = [question(MARK), JSON.stringify(ANSWER)];
    return analyticsEvent(n, { input: await packed(input), input_length: input.length, output_length: output.length });
  };

  it('is told without its content, and holds up none of the others', async () => {
    const events = await analyticsEvents(40);
    events[17] = await refusedInContent(17);
    await fail({ refuse: MARK });
    const { explicitAcks } = await send(deliveries(events));
    expect(explicitAcks).toHaveLength(40);
    const generations = await got('$ai_generation');
    expect(generations.map(({ uuid }) => uuid).sort()).toEqual(events.map(({ request_id }) => request_id).sort());
    const marked = generations.filter(({ properties }) => 'input_omitted' in properties);
    expect(marked).toMatchObject([
      {
        uuid: requestId(17),
        properties: { input_omitted: 'refused', output_omitted: 'refused', input_length: question(MARK).length },
      },
    ]);
    // Halves down to one, and that one again.
    expect((await posthog()).statuses.length).toBeLessThan(16);
    expect(await countOf('dead_letters')).toBe(0);
    expect(log).toMatchObject([{ level: 'info', messages: 40, written: 40, dead_letters: 0, retried: 0 }]);
  });

  it('without content too, becomes a dead letter with the reason', async () => {
    const events = await analyticsEvents(5);
    events[2] = await analyticsEvent(2, { key_id: MARK });
    await fail({ refuse: MARK });
    const { explicitAcks } = await send(deliveries(events));
    expect(explicitAcks).toHaveLength(5);
    expect(await got('$ai_generation')).toHaveLength(4);
    expect(await rows('SELECT id, queue, reason, request_id FROM dead_letters')).toEqual([
      { id: 'm2', queue: QUEUE, reason: 'refused by PostHog with 400', request_id: requestId(2) },
    ]);
    expect(log).toMatchObject([{ messages: 5, written: 4, dead_letters: 1, retried: 0 }]);
  });

  it('comes again when D1 cannot keep it', async () => {
    await fail({ refuse: MARK });
    const { db } = failing([OVERLOADED]);
    const { explicitAcks, retryMessages } = await send(
      deliveries([await analyticsEvent(), await analyticsEvent(2, { key_id: MARK })]),
      {},
      db,
    );
    expect(explicitAcks).toEqual(['m0']);
    expect(retryMessages).toMatchObject([{ msgId: 'm1' }]);
  });

  it('is found by halves where PostHog says that a batch is too large', async () => {
    await fail({ status: 413, times: 4 });
    const { explicitAcks } = await send(deliveries(await analyticsEvents(4)));
    expect(explicitAcks).toHaveLength(4);
    // All of them; both halves; the first and the second; the first without content; the third and the fourth.
    expect((await posthog()).statuses).toEqual([413, 413, 413, 413, 200, 200, 200, 200]);
    const omitted = (await got('$ai_generation')).map(({ properties }) => properties.input_omitted);
    expect(omitted).toEqual([undefined, 'refused', undefined, undefined]);
  });

  it('goes back with the rest when PostHog goes down while it is looked for', async () => {
    await fail({ status: 413, times: 1 });
    const events = await analyticsEvents(4);
    const down = { ...ON, POSTHOG_HOST: `${POSTHOG_HOST}/nowhere` };
    const { explicitAcks, retryMessages } = await consume(QUEUE, deliveries(events), env.DB, down);
    expect(explicitAcks).toEqual([]);
    expect(retryMessages).toHaveLength(4);
  });
});

describe('where PostHog refuses everything', () => {
  const refusedBatch = async (count: number, attempts = 1) => {
    await fail({ status: 400 });
    return send(deliveries(await analyticsEvents(count), attempts));
  };

  it('a batch is no heap of dead letters: after some requests it goes back, to rest', async () => {
    const { explicitAcks, retryMessages } = await refusedBatch(100);
    expect(explicitAcks).toEqual([]);
    expect(retryMessages).toHaveLength(100);
    expect((await posthog()).statuses.length).toBeLessThan(25);
    expect(await countOf('dead_letters')).toBe(0);
    const error = 'PostHog refuses everything, last with 400';
    expect(log).toMatchObject([{ level: 'error', written: 0, dead_letters: 0, retried: 100, error }]);
  });

  it.each([1, 3])('so does one of %i', async (count) => {
    const { retryMessages } = await refusedBatch(count, 59);
    expect(retryMessages).toHaveLength(count);
    expect(log).toMatchObject([{ dead_letters: 0, retried: count }]);
  });

  it('what has been refused for days becomes a dead letter', async () => {
    const { explicitAcks } = await refusedBatch(3, 60);
    expect(explicitAcks).toHaveLength(3);
    expect(await rows('SELECT DISTINCT reason FROM dead_letters')).toEqual([{ reason: 'refused by PostHog with 400' }]);
  });

  it.each([0, 50, 97])(
    'but three in a row, from %i on, among others that it takes, are to blame themselves',
    async (from) => {
      const events = await analyticsEvents(100);
      for (const n of [from, from + 1, from + 2]) events[n] = await analyticsEvent(n, { key_id: 'indigestible' });
      await fail({ refuse: 'indigestible' });
      const { explicitAcks } = await send(deliveries(events));
      expect(explicitAcks).toHaveLength(100);
      expect(await countOf('dead_letters')).toBe(3);
    },
  );
});

describe('what is no message of ours', () => {
  it('becomes a dead letter, and the rest is told', async () => {
    const event = await analyticsEvent();
    const { explicitAcks } = await send(deliveries([event, usageEvent(2), { kind: 'exception' }, 'text', event]));
    expect(explicitAcks).toHaveLength(5);
    expect(await rows('SELECT id, queue, reason FROM dead_letters ORDER BY id')).toEqual([
      { id: 'm1', queue: QUEUE, reason: expect.stringContaining('streamed') },
      { id: 'm2', queue: QUEUE, reason: expect.stringContaining('thrown') },
      { id: 'm3', queue: QUEUE, reason: expect.any(String) },
    ]);
    expect(log).toMatchObject([{ messages: 5, written: 2, dead_letters: 3, retried: 0 }]);
  });

  it('comes again alone when D1 cannot keep it', async () => {
    const { db } = failing([OVERLOADED]);
    const { explicitAcks, retryMessages } = await send(deliveries([await analyticsEvent(), 'no event']), {}, db);
    expect(explicitAcks).toEqual(['m0']);
    expect(retryMessages).toMatchObject([{ msgId: 'm1' }]);
    expect(log).toMatchObject([{ written: 1, dead_letters: 0, retried: 1, error: OVERLOADED }]);
  });
});

describe('without a key of PostHog', () => {
  it('messages are counted in the log and dropped, without D1', async () => {
    const { db, calls } = failing([]);
    const { explicitAcks } = await consume(QUEUE, deliveries(await analyticsEvents(3)), db, { POSTHOG_HOST });
    expect(explicitAcks).toHaveLength(3);
    expect(calls.count).toBe(0);
    expect((await posthog()).statuses).toEqual([]);
    expect(log).toMatchObject([{ event: 'batch', queue: QUEUE, messages: 3, written: 3, dead_letters: 0, retried: 0 }]);
  });
});

describe('an exception', () => {
  const failure = () => new TypeError('about the secret', { cause: new RangeError('of a secret') });
  const report = () => exceptionReport(failure(), { worker: 'api', path: '/v1/models/:id', requestId: requestId(3) });

  it('reaches error tracking once, beside the events of requests', async () => {
    const message = report();
    await send(deliveries([await analyticsEvent(), message]));
    await send(deliveries([message], 2));
    const exceptions = await got('$exception');
    expect(
      new Set(exceptions.map(({ uuid, timestamp, distinct_id }) => `${uuid} ${timestamp} ${distinct_id}`)).size,
    ).toBe(1);
    expect(exceptions[0]).toMatchObject({
      uuid: message.id,
      distinct_id: 'api-worker',
      properties: {
        $process_person_profile: false,
        worker: 'api',
        path: '/v1/models/:id',
        request_id: requestId(3),
        $exception_list: [
          { type: 'TypeError', value: 'message withheld', mechanism: { type: 'generic', exception_id: 0 } },
          { type: 'RangeError', value: 'message withheld', mechanism: { type: 'chained', parent_id: 0 } },
        ],
      },
    });
    expect(JSON.stringify(exceptions)).not.toContain('secret');
    // The innermost frame comes last.
    expect(exceptions[0]?.properties.$exception_list).toMatchObject([
      {
        stacktrace: {
          type: 'raw',
          frames: expect.arrayContaining([expect.objectContaining({ function: 'failure', in_app: true })]),
        },
      },
      { stacktrace: { type: 'raw' } },
    ]);
    const [first] = exceptionCapture(message).properties.$exception_list as { stacktrace: { frames: object[] } }[];
    expect(first?.stacktrace.frames.at(-1)).toMatchObject({ platform: 'node:javascript', function: 'failure' });
  });

  it('of the consumer itself is put into the queue, and never fails what it is about', async () => {
    const sent: unknown[] = [];
    const ANALYTICS_QUEUE = { send: async (message: unknown) => void sent.push(message) } as unknown as Queue;
    const broken = { send: () => Promise.reject(new Error('queue is away')) } as unknown as Queue;
    await reportException({ ...env, ...ON, ANALYTICS_QUEUE }, failure(), { path: 'someJob' });
    await reportException({ ...env, ANALYTICS_QUEUE }, failure(), { path: 'someJob' });
    await reportException({ ...env, ...ON, ANALYTICS_QUEUE: broken }, failure(), { path: 'someJob' });
    expect(sent).toMatchObject([{ kind: 'exception', worker: 'consumer', path: 'someJob', request_id: null }]);
    expect(log).toMatchObject([{ event: 'exception_not_reported', path: 'someJob', error: 'queue is away' }]);
    await send(deliveries(sent));
    expect(await got('$exception')).toMatchObject([{ distinct_id: 'consumer-worker' }]);
  });

  it('is what a job that fails, or a message that D1 will not have, leads to', async () => {
    const sent: unknown[] = [];
    const ANALYTICS_QUEUE = { send: async (message: unknown) => void sent.push(message) } as unknown as Queue;
    async function brokenJob(): Promise<never> {
      throw failure();
    }
    await runJobs([brokenJob], { ...env, ...ON, ANALYTICS_QUEUE }, NOW);
    const { db } = failing(Array(3).fill('D1_ERROR: no such column'));
    await consume(USAGE_QUEUE, deliveries([usageEvent(1)]), db, { ...ON, ANALYTICS_QUEUE });
    await consume(USAGE_QUEUE, deliveries([usageEvent(1)]), failing([OVERLOADED]).db, { ...ON, ANALYTICS_QUEUE });
    expect(sent).toMatchObject([{ path: 'brokenJob' }, { path: USAGE_QUEUE }]);
  });
});

it('analytics never touch the ledger', async () => {
  await send(deliveries([await analyticsEvent()]));
  expect(await countOf('usage_logs')).toBe(0);
});
