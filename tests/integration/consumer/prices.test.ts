import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { priceLate } from '../../../consumer-worker/billing/price-late.ts';
import { refreshPrices } from '../../../consumer-worker/billing/refresh-prices.ts';
import type { Env } from '../../../consumer-worker/env.ts';
import worker from '../../../consumer-worker/index.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { NO_PRICES, priceOf, readPriceBook } from '../../../shared/price-book.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UnpricedAttempt } from '../../../shared/usage-event.ts';
import { booksOfLedger, readBooks } from './histories.ts';
import { captureLog, freshDatabase, NOW, rows, usageEvent } from './support.ts';

const UPSTREAM: Env = {
  ...(env as unknown as Env),
  UPSTREAM_BASE_URL: inject('upstreamUrl'),
  OPENROUTER_API_KEY: 'sk-or-v1-of-the-tests',
};
const MODEL = 'openai/gpt-5-mini';
const DAY_MS = 86_400_000;

interface Listed {
  id: string;
  canonical_slug?: string;
  pricing?: Record<string, unknown>;
}

/** The upstream's lists with some of them changed on the way. */
function relisted(change: (models: Listed[], path: string) => Listed[] | Response): void {
  const { fetch } = globalThis;
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const response = await fetch(input, init);
    const { data, ...page } = (await response.json()) as { data: Listed[] };
    const changed = change(data, String(input));
    return changed instanceof Response ? changed : Response.json({ ...page, data: changed });
  });
}

/** A model at another price. */
function dearer(model: Listed): Listed {
  return { ...model, pricing: { ...model.pricing, prompt: '9' } };
}

/** The upstream lists a model at another price. */
function repriced(id: string, pricing: Record<string, unknown>): void {
  relisted((models) =>
    models.map((model) => (model.id === id ? { ...model, pricing: { ...model.pricing, ...pricing } } : model)),
  );
}

const book = () => rows('SELECT * FROM model_prices ORDER BY model, valid_from');
const pricesOf = (model: string) =>
  rows<{ valid_from: number; prompt: string; source: string }>(
    `SELECT valid_from, prompt, source FROM model_prices WHERE model = '${model}' ORDER BY valid_from`,
  );

async function setByOperator(model: string, prompt: string, validFrom: number): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO model_prices (model, valid_from, prompt, completion, source, created_at) VALUES (?1, ?2, ?3, '0', 'operator', 0)`,
  )
    .bind(model, validFrom, prompt)
    .run();
}

beforeEach(() => freshDatabase());
afterEach(() => vi.restoreAllMocks());

describe('the price book', () => {
  it('has every model of every page, its prices as they are listed, for all time before', async () => {
    expect(await refreshPrices(UPSTREAM, NOW)).toEqual({ models: 11, unreadable: 0, changed: 11 });
    const all = await rows<{ model: string; valid_from: number }>('SELECT model, valid_from FROM model_prices');
    expect(all).toHaveLength(11);
    expect(all.every(({ valid_from }) => valid_from === 0)).toBe(true);
    expect(all.map(({ model }) => model)).toContain('openai/text-embedding-3-large');
    expect(await rows(`SELECT * FROM model_prices WHERE model = 'deepseek/deepseek-chat-v3.1'`)).toEqual([
      {
        model: 'deepseek/deepseek-chat-v3.1',
        valid_from: 0,
        canonical_slug: 'deepseek/deepseek-chat-v3.1',
        prompt: '0.0000002001',
        completion: '0.00000080003',
        input_cache_read: '0.0000000000335',
        input_cache_write: '0.0000002001',
        internal_reasoning: '0',
        image: '0',
        request: '0',
        overrides: null,
        source: 'upstream',
        created_at: NOW,
      },
    ]);
  });

  it('is not written again by a second reading, nor by two at once', async () => {
    await Promise.all([refreshPrices(UPSTREAM, NOW), refreshPrices(UPSTREAM, NOW + 1)]);
    const before = await book();
    expect(before).toHaveLength(11);
    expect(await refreshPrices(UPSTREAM, NOW + DAY_MS)).toMatchObject({ changed: 0 });
    expect(await book()).toEqual(before);
  });

  it.each([
    ['prompt', '0.00000026'],
    ['completion', '0.0000021'],
    ['input_cache_read', null],
    ['input_cache_write', '0.0000003'],
    ['internal_reasoning', '0.000003'],
    ['image', '0.001'],
    ['request', '0.01'],
    ['overrides', [{ min_prompt_tokens: 200_000, prompt: '0.0000005' }]],
  ])('has a new row from then on when the price of %s changes', async (name, value) => {
    await refreshPrices(UPSTREAM, NOW);
    repriced(MODEL, { [name]: value });
    expect(await refreshPrices(UPSTREAM, NOW + DAY_MS)).toMatchObject({ changed: 1 });
    expect(await refreshPrices(UPSTREAM, NOW + 2 * DAY_MS)).toMatchObject({ changed: 0 });
    const listed = await rows<Record<string, unknown>>(
      `SELECT * FROM model_prices WHERE model = '${MODEL}' ORDER BY valid_from`,
    );
    expect(listed.map(({ valid_from }) => valid_from)).toEqual([0, NOW + DAY_MS]);
    expect(listed[1]?.[name]).toBe(Array.isArray(value) ? JSON.stringify(value) : value);
  });

  it('prices each attempt by its time', async () => {
    await refreshPrices(UPSTREAM, NOW);
    repriced(MODEL, { prompt: '0.00000026' });
    await refreshPrices(UPSTREAM, NOW + DAY_MS);
    const prices = await readPriceBook(env.DB, ['openai/gpt-5-mini-2025-08-07']);
    const attempt = { ...unpriced(), output_tokens: 0 };
    expect([NOW, NOW + DAY_MS - 1, NOW + DAY_MS].map((at) => priceOf(prices, attempt, at))).toEqual([
      250_000, 250_000, 260_000,
    ]);
  });

  it('keeps what an operator has set until the upstream changes its price', async () => {
    await refreshPrices(UPSTREAM, NOW);
    await setByOperator(MODEL, '0.1', NOW + 1);
    await refreshPrices(UPSTREAM, NOW + DAY_MS);
    expect(await pricesOf(MODEL)).toHaveLength(2);
    repriced(MODEL, { prompt: '0.00000026' });
    await refreshPrices(UPSTREAM, NOW + 2 * DAY_MS);
    expect(await pricesOf(MODEL)).toEqual([
      { valid_from: 0, prompt: '0.00000025', source: 'upstream' },
      { valid_from: NOW + 1, prompt: '0.1', source: 'operator' },
      { valid_from: NOW + 2 * DAY_MS, prompt: '0.00000026', source: 'upstream' },
    ]);
  });

  it('keeps what an operator has set of a model that the upstream lists only later', async () => {
    await setByOperator(MODEL, '0.1', NOW);
    await refreshPrices(UPSTREAM, NOW + DAY_MS);
    expect(await pricesOf(MODEL)).toEqual([
      { valid_from: 0, prompt: '0.00000025', source: 'upstream' },
      { valid_from: NOW, prompt: '0.1', source: 'operator' },
    ]);
  });

  it('keeps the prices of what is not listed any more, or cannot be read', async () => {
    await refreshPrices(UPSTREAM, NOW);
    const before = await book();
    relisted((models) =>
      models
        .filter(({ id }) => id !== 'openai/gpt-4o-mini')
        .map((model) => (model.id === MODEL ? { ...model, pricing: { prompt: 7 } } : model)),
    );
    expect(await refreshPrices(UPSTREAM, NOW + DAY_MS)).toEqual({ models: 9, unreadable: 1, changed: 0 });
    expect(await book()).toEqual(before);
  });

  it('is brought up to date without the embedding models where they cannot be had', async () => {
    relisted((models, url) => (url.endsWith('/embeddings/models') ? new Response(null, { status: 404 }) : models));
    expect(await refreshPrices(UPSTREAM, NOW)).toMatchObject({ models: 8, changed: 8 });
  });

  it('takes a list of any length', async () => {
    relisted((models, url) => {
      const [first] = models;
      return url.endsWith('/api/v1/models') && first
        ? Array.from({ length: 450 }, (_, n) => ({ ...first, id: `many/model-${n}` }))
        : [];
    });
    expect(await refreshPrices(UPSTREAM, NOW)).toMatchObject({ models: 450, changed: 450 });
  });

  it.each<[string, string, (models: Listed[], url: string) => Listed[] | Response]>([
    ['is empty', 'upstream listed none', () => []],
    ['has no prices', 'upstream listed no prices', (models) => models.map(({ id }) => ({ id }))],
    [
      'breaks off after a page of new prices',
      'upstream answered 502',
      (models, url) => (url.includes('page=2') ? new Response('<html>', { status: 502 }) : models.map(dearer)),
    ],
    ['is something else', 'expected array', () => Response.json({ models: [] })],
  ])('stays as it is when the upstream’s list %s, and the log says why', async (_, why, change) => {
    await refreshPrices(UPSTREAM, NOW);
    const before = await book();
    relisted(change);
    const log = captureLog();
    await worker.scheduled({ cron: '40 2 * * *', scheduledTime: NOW + DAY_MS, noRetry: () => undefined }, UPSTREAM);
    expect(log).toContainEqual(
      expect.objectContaining({ level: 'error', job: 'refreshPrices', error: expect.stringContaining(why) }),
    );
    expect(await book()).toEqual(before);
  });
});

/** An attempt of 1,000 tokens to and 100 from a model, as the upstream told them. */
function unpriced(change: Partial<UnpricedAttempt> = {}): UnpricedAttempt {
  return {
    model: 'openai/gpt-5-mini-2025-08-07',
    generation_id: null,
    usage_source: 'provider',
    input_tokens: 1_000,
    output_tokens: 100,
    cached_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    images: 0,
    relayed: true,
    ...change,
  };
}

/** Requests that came when nothing had a price, each with these attempts. */
async function billedWithoutPrices(attempts: readonly UnpricedAttempt[][]): Promise<void> {
  const requests = attempts.map((list, n) =>
    billedBy(
      usageEvent(n, { cost_nano_usd: null, unpriced_attempts: list.length, unpriced: list, created_at: NOW - n }),
      NO_PRICES,
    ),
  );
  await env.DB.batch(ledgerStatements(env.DB, requests, NOW));
}

const attempts = () =>
  rows('SELECT request_id, attempt, state, cost_nano_usd FROM unpriced_attempts ORDER BY request_id, attempt');
const costs = () =>
  rows(
    'SELECT sum(cost_nano_usd) AS cost, sum(extra_cost_nano_usd) AS extra, sum(unpriced_attempts) AS unpriced FROM usage_logs',
  );

describe('attempts that came before their price', () => {
  const PRICE = 450_000;

  it('get it once it is there, and the rollups with them', async () => {
    await billedWithoutPrices([
      [unpriced(), unpriced({ relayed: false })],
      [unpriced({ usage_source: 'estimated' })],
      [unpriced({ model: 'nobody/knows' })],
    ]);
    expect(await costs()).toEqual([{ cost: null, extra: 0, unpriced: 4 }]);
    await refreshPrices(UPSTREAM, NOW);
    expect(await priceLate(UPSTREAM, NOW + DAY_MS)).toEqual({ models: 2, priced: 3 });
    expect((await attempts()).map(({ state, cost_nano_usd }) => [state, cost_nano_usd])).toEqual([
      ['priced', PRICE],
      ['priced', PRICE],
      ['given_up', PRICE],
      ['no_price', null],
    ]);
    // What is estimated stays unpriced: nobody has said for certain what it cost.
    expect(await costs()).toEqual([{ cost: 3 * PRICE, extra: PRICE, unpriced: 2 }]);
    expect(await readBooks()).toEqual(await booksOfLedger());
  });

  it('get it once, however often and by however many they are looked at', async () => {
    await billedWithoutPrices([[unpriced(), unpriced()]]);
    await refreshPrices(UPSTREAM, NOW);
    await Promise.all([priceLate(UPSTREAM, NOW), priceLate(UPSTREAM, NOW)]);
    expect(await priceLate(UPSTREAM, NOW + DAY_MS)).toMatchObject({ priced: 0 });
    expect(await costs()).toEqual([{ cost: 2 * PRICE, extra: 0, unpriced: 0 }]);
    expect(await readBooks()).toEqual(await booksOfLedger());
  });

  it('are not held up by those whose model nobody knows, however many', async () => {
    const unknown = Array.from({ length: 600 }, () => [unpriced({ model: 'nobody/knows' })]);
    await billedWithoutPrices([...unknown, ...Array.from({ length: 520 }, () => [unpriced()])]);
    await refreshPrices(UPSTREAM, NOW);
    expect(await priceLate(UPSTREAM, NOW)).toEqual({ models: 2, priced: 520 });
  });

  it('are left alone while the upstream is still to be asked', async () => {
    await billedWithoutPrices([[unpriced({ generation_id: 'gen-1' })]]);
    await refreshPrices(UPSTREAM, NOW);
    expect(await priceLate(UPSTREAM, NOW)).toEqual({ models: 1, priced: 0 });
    expect(await attempts()).toMatchObject([{ state: 'pending', cost_nano_usd: null }]);
  });

  it('have prices fetched for them where there are none at all', async () => {
    await billedWithoutPrices([[unpriced()]]);
    expect(await priceLate(UPSTREAM, NOW)).toEqual({ models: 1, priced: 1, prices: 'fetched' });
    expect(await priceLate(UPSTREAM, NOW)).toEqual({ models: 0, priced: 0 });
  });
});
