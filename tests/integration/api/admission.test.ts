import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { restOfMinute } from '../../support/minute.ts';
import { applySchema, call, chat, createKey, env, errorOf, HELLO } from './support.ts';

beforeAll(applySchema);

/** The bindings with a limiter that cannot be reached. */
function unreachable(): Partial<Env> {
  const gone = () => Promise.reject(new Error('object is gone'));
  const stub = { admit: gone, settle: gone, standing: gone };
  return { ACCOUNT_LIMITER: { getByName: () => stub } as unknown as Env['ACCOUNT_LIMITER'] };
}

const left = async (key: string) => JSON.parse((await call('/usage', { key })).text).limits;

describe('rate-limit headers', () => {
  it('are OpenAI’s, for requests and tokens, and the trio, on an answer that was admitted', async () => {
    const key = await createKey('headers', { limits: { requests_per_minute: 10, tokens_per_minute: 50_000 } });
    const now = Date.now();
    const { headers } = await chat(key, { ...HELLO, max_tokens: 20 });
    expect(headers.get('x-ratelimit-limit-requests')).toBe('10');
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('9');
    expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^(1m\d+s|\d+(\.\d+)?m?s)$/);
    expect(headers.get('x-ratelimit-limit-tokens')).toBe('50000');
    const remaining = Number(headers.get('x-ratelimit-remaining-tokens'));
    expect(remaining).toBeLessThanOrEqual(50_000 - 20);
    expect(remaining).toBeGreaterThan(49_900);
    expect(headers.get('x-ratelimit-limit')).toBe('10');
    expect(headers.get('x-ratelimit-remaining')).toBe('9');
    const reset = Number(headers.get('x-ratelimit-reset')) * 1000 - now;
    expect(reset).toBeGreaterThan(0);
    expect(reset).toBeLessThanOrEqual(121_000);
  });

  it.each([
    ['/v1/models', 200],
    ['/usage', 200],
    ['/v1/models/nobody/nothing', 404],
    ['/v1/organization/costs?start_time=0', 403],
  ])('stand on %s too, which counts for nothing', async (path, status) => {
    const key = `sk-test-${(await createKey(`reader-${status}-${path.length}`)).slice(8)}`;
    for (const _ of [1, 2]) {
      const answer = await call(path, { key });
      expect(answer.status).toBe(status);
      expect(answer.headers.get('x-ratelimit-remaining-requests')).toBe('600');
    }
  });

  it('stand on a bad request, and are missing, without harm, while the limiter cannot be reached', async () => {
    const key = await createKey('bad-request');
    const answer = await chat(key, { messages: [] });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('x-ratelimit-remaining')).toBe('600');
    const without = await call('/v1/models', { key, env: unreachable() });
    expect(without.status).toBe(200);
    expect(without.headers.get('x-ratelimit-limit')).toBeNull();
  });
});

describe('a limit that is reached', () => {
  it.each([
    [
      'requests',
      { requests_per_minute: 1 },
      'requests',
      /^Rate limit reached for requests\. Limit: 1 per minute\. Please try again in /,
    ],
    [
      'tokens',
      { tokens_per_minute: 1_050 },
      'tokens',
      /^Rate limit reached for tokens\. Limit: 1050 per minute, \d+ left\. Please try again in /,
    ],
  ])('%s: 429 rate_limit_exceeded, with the time to wait', async (name, limits, type, message) => {
    const key = await createKey(`limited-${name}`, { limits });
    expect((await chat(key, { ...HELLO, max_tokens: 1_000 })).status).toBe(200);
    const answer = await chat(key, { ...HELLO, max_tokens: 1_000 });
    expect(answer.status).toBe(429);
    expect(errorOf(answer)).toMatchObject({ type, param: null, code: 'rate_limit_exceeded' });
    expect(errorOf(answer).message).toMatch(message);
    const waitMs = Number(answer.headers.get('retry-after-ms'));
    expect(waitMs).toBeGreaterThan(0);
    expect(answer.headers.get('retry-after')).toBe(String(Math.ceil(waitMs / 1000)));
    expect(answer.headers.get('x-should-retry')).toBe('true');
    expect(answer.headers.get('x-ratelimit-limit-requests')).toBe(name === 'requests' ? '1' : '600');
  });

  it.each([
    [
      'budget_day_nano_usd',
      5_000,
      /^You exceeded your current budget: \$0\.00000\d+ of this day's budget of \$0\.000005000 is left/,
    ],
    ['budget_month_nano_usd', 5_000, /this month's budget/],
    ['requests_per_month', 0, /^You exceeded your quota of 0 requests this month\./],
    ['tokens_per_month', 50, /^You exceeded your quota of 50 tokens this month: 50 are left\./],
  ])('%s: 429 insufficient_quota, which SDKs do not retry', async (name, limit, message) => {
    const key = await createKey(name, { limits: { [name]: limit } });
    const answer = await chat(key, { ...HELLO, max_tokens: 100_000 });
    expect(answer.status).toBe(429);
    expect(errorOf(answer)).toMatchObject({ type: 'insufficient_quota', code: 'insufficient_quota' });
    expect(errorOf(answer).message).toMatch(message);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect(answer.headers.get('retry-after')).not.toBeNull();
  });

  it('a request too large for the limit is told so, and not to be retried', async () => {
    const key = await createKey('too-large', { limits: { tokens_per_minute: 100 } });
    const answer = await chat(key, { ...HELLO, max_tokens: 101 });
    expect(errorOf(answer)).toMatchObject({ type: 'tokens', code: 'rate_limit_exceeded' });
    expect(errorOf(answer).message).toMatch(/^Request too large\. Limit: 100 tokens per minute/);
    expect(answer.headers.get('x-should-retry')).toBe('false');
  });

  it('a key with a rate limit of its own neither takes from its account nor is given by it', async () => {
    const shared = await createKey('two-keys', { limits: { requests_per_minute: 1 } });
    const own = await createKey('two-keys-own', { rate_limit: 2 });
    await env.DB.prepare("UPDATE api_keys SET user_id = 'two-keys' WHERE id = 'key_two-keys-own'").run();
    const statuses = [];
    for (const key of [own, own, own, shared, shared]) statuses.push((await chat(key)).status);
    expect(statuses).toEqual([200, 200, 429, 200, 429]);
  });

  it('tiers hold the numbers, accounts override them, and the default is RATE_LIMIT_PER_MINUTE', async () => {
    const limitOf = async (key: string) => (await left(key)).requests_per_minute.limit;
    expect(await limitOf(await createKey('on-free', { tier: 'free' }))).toBe(20);
    expect(await limitOf(await createKey('on-standard'))).toBe(600);
    expect(await limitOf(await createKey('on-nothing', { tier: 'no-such-tier' }))).toBe(600);
    expect(await limitOf(await createKey('raised', { tier: 'free', limits: { requests_per_minute: 77 } }))).toBe(77);
    expect(await limitOf(await createKey('raised-key', { tier: 'free', rate_limit: 78 }))).toBe(78);
  });
});

describe('a budget', () => {
  it('reserves an upper bound, and is left with the truth', async () => {
    const key = await createKey('budgeted', { limits: { budget_month_nano_usd: 1_000_000_000 } });
    const reserving = chat(key, { ...HELLO, max_tokens: 1_000, stream: true, sim: { gap_ms: 20, chunks: 50 } });
    const during = await vi.waitFor(async () => {
      const now = (await left(key)).budget_month;
      expect(now.reserved_usd).not.toBe('0.000000000');
      return now;
    });
    // gpt-5-mini, 1,000 tokens at $2 a million, and the prompt; its fallback costs more.
    expect(Number(during.reserved_usd)).toBeGreaterThan(0.002);
    const cost = Number(/"cost":([\d.e-]+)/.exec((await reserving).text)?.[1]);
    expect(cost).toBeGreaterThan(0);
    expect(await left(key)).toMatchObject({
      requests_per_month: { used: 1 },
      budget_month: { used_usd: cost.toFixed(9), held_usd: '0.000000000', reserved_usd: '0.000000000' },
    });
  });

  const silent = (...models: string[]) => ({ faults: Object.fromEntries(models.map((model) => [model, 'silence'])) });
  const IMPATIENT = { UPSTREAM_HEADERS_TIMEOUT_MS: '150' };

  it('holds what attempts of unknown cost were reserved at, each of them', async () => {
    const key = await createKey('held', { limits: { budget_day_nano_usd: 1_000_000_000 } });
    const sim = silent('openai/gpt-5-mini', 'google/gemini-2.5-flash');
    expect((await chat(key, { ...HELLO, max_tokens: 1_000, sim }, IMPATIENT)).status).toBe(504);
    const { budget_day } = await left(key);
    expect(Number(budget_day.held_usd)).toBeGreaterThan(3 * 0.002 + 3 * 0.0025);
    expect(budget_day).toMatchObject({ used_usd: '0.000000000', reserved_usd: '0.000000000' });
  });

  it('holds the unknown beside the known, once another model answered', async () => {
    const key = await createKey('partly', { limits: { budget_day_nano_usd: 1_000_000_000 } });
    const sim = silent('openai/gpt-4o-mini');
    const asked = { ...HELLO, model: 'openai/gpt-4o-mini', max_tokens: 10_000, sim };
    // Time enough for the other model, on a machine that is busy.
    expect((await chat(key, asked, { UPSTREAM_HEADERS_TIMEOUT_MS: '1000' })).status).toBe(200);
    const { budget_day } = await left(key);
    expect(Number(budget_day.used_usd)).toBeGreaterThan(0);
    expect(Number(budget_day.held_usd)).toBeGreaterThan(3 * 0.006);
    expect(Number(budget_day.held_usd)).toBeLessThan(4 * 0.006);
  });

  it('makes no further attempt that the budget has no room for', async () => {
    const key = await createKey('narrow', { limits: { budget_day_nano_usd: 9_000_000 } });
    const sim = silent('anthropic/claude-haiku-4.5');
    const asked = { ...HELLO, model: 'anthropic/claude-haiku-4.5', max_tokens: 1_000, sim };
    const answer = await chat(key, asked, { ...IMPATIENT, FALLBACK_MODELS: '' });
    expect(answer.status).toBe(504);
    const { budget_day } = await left(key);
    expect(Number(budget_day.held_usd)).toBeGreaterThan(0.005);
    expect(Number(budget_day.held_usd)).toBeLessThan(0.009);
  });

  it('holds nothing for an upstream that was not reached', async () => {
    const key = await createKey('outage', { limits: { budget_day_nano_usd: 10_000_000_000 } });
    const asked = { ...HELLO, model: 'sim/die-before-bytes', max_tokens: 1_000 };
    const answer = await chat(key, asked, { FALLBACK_MODELS: '' });
    expect(answer.status).toBe(503);
    const nothing = { used_usd: '0.000000000', held_usd: '0.000000000', reserved_usd: '0.000000000' };
    expect((await left(key)).budget_day).toMatchObject(nothing);
  });

  it('is asked for what the first model may cost, and for more only when a dearer one is tried', async () => {
    const key = await createKey('first-alone', { limits: { budget_day_nano_usd: 1_000_000 } });
    const asked = { ...HELLO, model: 'openai/gpt-5-nano', max_tokens: 1_000 };
    const vars = { FALLBACK_MODELS: 'anthropic/claude-opus-4.5' };
    expect((await chat(key, asked, vars)).status).toBe(200);
    const failing = await chat(key, { ...asked, sim: { faults: { 'openai/gpt-5-nano': 'status-503' } } }, vars);
    expect(failing.status).toBe(503);
  });

  it('learns the cost of an answer without usage from the upstream', async () => {
    const key = await createKey('asked', { limits: { budget_day_nano_usd: 1_000_000_000 } });
    await chat(key, { ...HELLO, max_tokens: 1_000, stream: true, sim: { fault: 'no-usage' } });
    const { budget_day } = await left(key);
    expect(Number(budget_day.used_usd)).toBeGreaterThan(0);
    expect(budget_day).toMatchObject({ held_usd: '0.000000000', reserved_usd: '0.000000000' });
  });

  it('bounds a tier by the models that may answer, not by those that are gone', async () => {
    const key = await createKey('tiered', { limits: { budget_day_nano_usd: 1_000_000_000 } });
    const vars = { TIER_PREMIUM: 'openai/gone,openai/gpt-5-mini', TIER_BUDGET: 'openai/gone-too' };
    expect((await chat(key, { ...HELLO, model: 'premium', max_tokens: 2_000 }, vars)).status).toBe(200);
  });

  it('gives back all of a request that the upstream refused', async () => {
    const key = await createKey('refused', { limits: { budget_day_nano_usd: 1_000_000_000 } });
    expect((await chat(key, { ...HELLO, sim: { fault: 'status-400' } })).status).toBe(400);
    expect((await left(key)).budget_day).toMatchObject({
      used_usd: '0.000000000',
      held_usd: '0.000000000',
      reserved_usd: '0.000000000',
    });
  });

  it('reserves the dearest price for a model that has none, and so lets none slip through', async () => {
    const key = await createKey('unlisted', { limits: { budget_day_nano_usd: 1_000_000_000 } });
    const answer = await chat(key, { ...HELLO, model: 'nobody/knows', max_tokens: 2_000 });
    expect(errorOf(answer)).toMatchObject({ code: 'insufficient_quota' });
  });
});

describe('while the limiter cannot be reached', () => {
  it('each location admits a bounded number of requests, and says so in its log', async () => {
    const key = await createKey('local');
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await restOfMinute(20_000);
    const answers = await Promise.all(Array.from({ length: 80 }, () => chat(key, HELLO, unreachable())));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
    const refused = answers.find(({ status }) => status !== 200);
    expect(refused?.status).toBe(429);
    expect(refused && errorOf(refused).code).toBe('rate_limit_exceeded');
    expect(log.mock.calls.join()).toContain('limiter_unreachable');
    expect(answers.map(({ text }) => text).join()).not.toContain('gone');
    log.mockRestore();
  }, 60_000);

  /** The bindings with a limiter that admits and whose answer comes too late to be heard. */
  function unheard(name: string, more: Partial<Env> = {}) {
    const real = env.ACCOUNT_LIMITER.getByName(name);
    const stub = {
      admit: async (...given: Parameters<typeof real.admit>) => {
        await real.admit(...given);
        throw new Error('no answer within 3000 ms');
      },
      settle: (...given: Parameters<typeof real.settle>) => real.settle(...given),
      release: (...given: Parameters<typeof real.release>) => real.release(...given),
      standing: (...given: Parameters<typeof real.standing>) => real.standing(...given),
    };
    const ACCOUNT_LIMITER = { getByName: () => stub } as unknown as Env['ACCOUNT_LIMITER'];
    return { ACCOUNT_LIMITER, ...more };
  }

  it('a request that was admitted unheard is settled, once', async () => {
    const key = await createKey('unheard', { limits: { budget_day_nano_usd: 1_000_000_000 } });
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    expect((await chat(key, HELLO, unheard('unheard'))).status).toBe(200);
    vi.restoreAllMocks();
    const { concurrent_requests, requests_per_month, budget_day } = await left(key);
    expect(concurrent_requests.in_progress).toBe(0);
    expect(requests_per_month.used).toBe(1);
    expect(budget_day).toMatchObject({ held_requests: 0, reserved_usd: '0.000000000' });
  });

  it('one that was admitted unheard and is refused leaves nothing behind', async () => {
    const key = await createKey('unheard-refused');
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const FALLBACK_LIMITER = { limit: async () => ({ success: false }) };
    expect((await chat(key, HELLO, unheard('unheard-refused', { FALLBACK_LIMITER }))).status).toBe(429);
    vi.restoreAllMocks();
    const { concurrent_requests, requests_per_month } = await left(key);
    expect(concurrent_requests.in_progress).toBe(0);
    expect(requests_per_month.used).toBe(0);
  });

  it('what it admitted is booked once the limiter is back', async () => {
    const key = await createKey('back-again');
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const real = env.ACCOUNT_LIMITER.getByName('back-again');
    const flaky = {
      admit: () => Promise.reject(new Error('object is gone')),
      settle: (...given: Parameters<typeof real.settle>) => real.settle(...given),
      charge: (...given: Parameters<typeof real.charge>) => real.charge(...given),
      standing: (...given: Parameters<typeof real.standing>) => real.standing(...given),
    };
    const ACCOUNT_LIMITER = { getByName: () => flaky } as unknown as Env['ACCOUNT_LIMITER'];
    const answer = await chat(key, HELLO, { ACCOUNT_LIMITER });
    expect(answer.status).toBe(200);
    const cost = JSON.parse(answer.text).usage.cost;
    expect((await left(key)).budget_month.used_usd).toBe(cost.toFixed(9));
    log.mockRestore();
  });

  it('a connection that broke is tried again, and the request counts once', async () => {
    const key = await createKey('retried');
    const real = env.ACCOUNT_LIMITER.getByName('retried');
    let calls = 0;
    const ACCOUNT_LIMITER = {
      getByName: () => ({
        async admit(...given: Parameters<typeof real.admit>) {
          const verdict = await real.admit(...given);
          calls += 1;
          if (calls === 1) throw Object.assign(new Error('Network connection lost.'), { retryable: true });
          return verdict;
        },
        settle: (...given: Parameters<typeof real.settle>) => real.settle(...given),
      }),
    } as unknown as Env['ACCOUNT_LIMITER'];
    const answer = await chat(key, HELLO, { ACCOUNT_LIMITER });
    expect(answer.headers.get('x-ratelimit-remaining-requests')).toBe('599');
    expect(calls).toBe(2);
    expect((await left(key)).requests_per_month.used).toBe(1);
  });
});
