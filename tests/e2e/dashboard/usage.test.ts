import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { count, share, usd } from '../../../api-worker/dashboard/format.ts';
import { nanoToUsd } from '../../../shared/money.ts';
import { CHROMIUM, launchBrowser } from '../../support/browser.ts';
import { cellsOf, factOf, goTo, settled, visitDashboard } from '../../support/dashboard.ts';
import { eventually } from '../../support/eventually.ts';
import { type System, startSystem } from '../../support/system.ts';
import { usageEvent } from '../../support/usage-event.ts';

/** Nano-dollars, every digit, as the page is to write them. */
const exact = (nano: number) => `$${nanoToUsd(nano).replace(/0{1,7}$/, '')}`;

describe.skipIf(!CHROMIUM)('the dashboard after some requests', () => {
  let system: System;
  let browser: Browser;
  let admin: string;
  let reader: string;
  beforeAll(async () => {
    system = await startSystem();
    admin = await system.createKey('operator', { permissions: ['read', 'admin'] });
    reader = await system.createKey('tester', { name: 'reader', permissions: ['read'] });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await system.stop();
  });

  const open = (key: string, use: (page: Page) => Promise<void>) =>
    visitDashboard(browser, { origin: system.origin, key }, use);

  /** What the API itself says. */
  async function api<T>(path: string, key: string): Promise<T> {
    const response = await fetch(new URL(path, system.origin), { headers: { authorization: `Bearer ${key}` } });
    expect(response.status).toBe(200);
    return response.json() as Promise<T>;
  }

  /** The account's usage, as the API tells it. */
  interface Told {
    data: Record<string, string | number>[];
    total: Record<'requests' | 'errors' | 'cost_nano_usd' | 'unpriced_attempts', number>;
  }

  beforeAll(async () => {
    const other = await system.createKey('tester', { name: 'other' });
    const asked: [key: string, model: string, more?: Record<string, unknown>][] = [
      [system.key, 'openai/gpt-4o-mini'],
      [system.key, 'openai/gpt-4o-mini', { stream: true }],
      [system.key, 'anthropic/claude-haiku-4.5', { temperature: 0 }],
      // The same again: given from the cache.
      [system.key, 'anthropic/claude-haiku-4.5', { temperature: 0 }],
      [other, 'anthropic/claude-haiku-4.5'],
      [other, 'openai/gpt-5-mini', { stream: true }],
      [other, 'sim/error-mid-stream', { stream: true }],
    ];
    for (const [key, model, more] of asked) {
      const response = await fetch(`${system.origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], ...more }),
      });
      await response.text();
    }
    // And one of which nobody will ever know what it cost.
    const unknown = { cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null, images: 0 };
    const attempt = { generation_id: null, usage_source: 'estimated', input_tokens: 7, output_tokens: 5 } as const;
    const estimated = usageEvent({
      ...{ user_id: 'tester', key_id: 'key_other', requested_model: 'sim/untold', model: 'sim/untold' },
      unpriced_attempts: 1,
      unpriced: [{ model: 'sim/untold', relayed: true, ...attempt, ...unknown }],
    });
    await system.usageQueue.send(estimated);
    await eventually(async () => {
      const row = await system.db.prepare('SELECT count(*) AS rows FROM usage_logs').first<{ rows: number }>();
      return row?.rows === asked.length + 1 || null;
    }, 20_000);
    await system.db
      .prepare(
        `INSERT INTO model_prices (model, canonical_slug, valid_from, prompt, completion, input_cache_read, source, created_at)
         SELECT requested_model, model, 0, '0.00000025', '0.000002', '0.000000025', 'upstream', 0
           FROM usage_logs WHERE requested_model = 'openai/gpt-5-mini'`,
      )
      .run();
    // A request's correction, in the ledger and its rollups.
    const [corrected] = await rowsOf('openai/gpt-5-mini');
    await system.db.batch([
      system.db
        .prepare(
          `INSERT INTO usage_logs (request_id, adjustment, user_id, key_id, endpoint, requested_model, model, status,
             input_tokens, output_tokens, cost_nano_usd, usage_source, latency_ms, attempts, created_at, recorded_at)
           SELECT request_id, 'reconciled 0.1', user_id, key_id, endpoint, requested_model, model, status,
             3, -1, 1234567, 'reconciled', 0, 0, created_at, created_at + 60000
             FROM usage_logs WHERE request_id = ?1 AND adjustment = ''`,
        )
        .bind(corrected?.request_id),
      ...['hourly', 'daily'].map((period) =>
        system.db.prepare(
          `UPDATE usage_rollups_${period} SET input_tokens = input_tokens + 3, output_tokens = output_tokens - 1,
             cost_nano_usd = cost_nano_usd + 1234567 WHERE model = 'openai/gpt-5-mini'`,
        ),
      ),
    ]);
  }, 60_000);

  interface Row {
    request_id: string;
    cost: number | null;
    input: number | null;
    status: number;
    usage_source: string;
  }

  /** The ledger's requests, the newest first, each as its corrections leave it. */
  async function rowsOf(model?: string): Promise<Row[]> {
    const { results } = await system.db
      .prepare(
        `SELECT request_id, sum(cost_nano_usd) AS cost, sum(input_tokens) AS input, max(status) AS status,
                min(usage_source) FILTER (WHERE adjustment = '') AS usage_source
           FROM usage_logs WHERE user_id = 'tester' AND (?1 IS NULL OR requested_model = ?1)
          GROUP BY request_id ORDER BY request_id DESC`,
      )
      .bind(model ?? null)
      .all<Row>();
    return results;
  }

  it('sums up exactly what the API does', () =>
    open(reader, async (page) => {
      await settled(page);
      const { total } = await api<Told>('/usage', reader);
      expect(total).toMatchObject({ requests: 8, unpriced_attempts: 1 });
      expect(total.errors).toBeGreaterThan(0);
      expect(await factOf(page, 'Cost')).toBe(usd(total.cost_nano_usd));
      expect(await factOf(page, 'Requests')).toBe('8');
      expect(await factOf(page, 'Errors')).toBe(share(total.errors, 8));
      await page.getByText('1 attempt estimated or missing').waitFor();

      for (const [group, caption] of [
        ['model', 'Usage by model'],
        ['key', 'Usage by key'],
      ] as const) {
        const { data } = await api<Told>(`/usage?group_by=${group}`, reader);
        const expected = data.map((row) => [
          ...[row[group], usd(Number(row.cost_nano_usd))],
          ...[share(Number(row.cost_nano_usd), total.cost_nano_usd), count(Number(row.requests))],
          ...[share(Number(row.errors), Number(row.requests)), count(Number(row.input_tokens))],
          ...[count(Number(row.cached_tokens)), count(Number(row.output_tokens))],
        ]);
        const shown = await cellsOf(page, caption);
        expect(shown).toHaveLength(data.length);
        expect(shown).toEqual(expect.arrayContaining(expected));
      }
    }));

  it.each(['light', 'dark'] as const)('plots it in the colours of a %s page, and tells it as tables', (colorScheme) =>
    visitDashboard(browser, { origin: system.origin, key: reader, colorScheme }, async (page) => {
      await settled(page);
      const figure = page.getByRole('figure', { name: 'Cost' });
      expect(await coloursOf(page, 'Cost')).toContain(colorScheme === 'light' ? '0,114,178' : '75,166,224');
      for (const title of ['Requests', 'Tokens', 'Errors', 'Time to the last byte', 'Time to the first token']) {
        expect((await coloursOf(page, title)).length, title).toBeGreaterThan(2);
      }
      await figure.getByRole('button', { name: 'Table' }).click();
      expect(await figure.locator('canvas').count()).toBe(0);
      const { total } = await api<Told>('/usage', reader);
      const [today, ...before] = await cellsOf(page, 'Cost');
      expect([today?.[1], before.length]).toEqual([usd(total.cost_nano_usd), 6]);
      await figure.getByRole('button', { name: 'Table' }).click();
      await figure.locator('canvas').waitFor();
    }),
  );

  it('splits plots by model and by key, over the time that is chosen', () =>
    open(reader, async (page) => {
      await page.getByText('Model', { exact: true }).first().click();
      await settled(page);
      await page.getByRole('figure', { name: 'Requests' }).getByRole('button', { name: 'Table' }).click();
      const table = page.getByRole('table', { name: 'Requests', exact: true });
      const { data } = await api<Told>('/usage?group_by=model', reader);
      expect((await table.getByRole('columnheader').allTextContents()).toSorted()).toEqual(
        ['day, UTC', ...data.map(({ model }) => String(model))].toSorted(),
      );
      await page.getByText('24 h', { exact: true }).click();
      await settled(page);
      await table.getByRole('columnheader', { name: 'hour, UTC' }).waitFor();
      expect(await cellsOf(page, 'Requests')).toHaveLength(24);
      expect(new URL(page.url()).hash).toBe('#/?by=model&time=24h');
      await page.reload();
      await settled(page);
      expect(await page.getByRole('radio', { name: '24 h' }).isChecked()).toBe(true);
    }));

  it('never passes off what was read before as what is asked for now', () =>
    open(reader, async (page) => {
      await settled(page);
      const [busy, shown] = await page.evaluate(async () => {
        const followed = new Promise((resolve) => addEventListener('hashchange', resolve, { once: true }));
        location.hash = '#/?time=last-month';
        await followed;
        const main = document.querySelector('main');
        return [main?.querySelector('.tiles')?.closest('[aria-busy]')?.ariaBusy, main?.textContent];
      });
      expect([busy, shown]).toEqual(['true', expect.stringContaining('Requests8')]);
      await settled(page);
      expect(await factOf(page, 'Requests')).toBe('0');
    }));

  it('saves what the API answers as CSV, to the byte', () =>
    open(reader, async (page) => {
      for (const [hash, heading] of [
        ['#/', 'Usage'],
        ['#/requests', 'Requests'],
      ] as const) {
        await goTo(page, hash, heading);
        const [request, download] = await Promise.all([
          page.waitForRequest(/format=csv/),
          page.waitForEvent('download'),
          page.getByRole('button', { name: 'CSV' }).click(),
        ]);
        const answer = await fetch(request.url(), { headers: { authorization: `Bearer ${reader}` } });
        const saved = await readFile(await download.path(), 'utf8');
        expect(saved).toBe(await answer.text());
        expect(saved.split('\r\n').length).toBeGreaterThan(3);
        expect(download.suggestedFilename()).toMatch(/^(usage-7d|requests)\.csv$/);
      }
    }));

  it('lists the ledger’s requests, and leads to receipts that are exact to the nano-dollar', () =>
    open(reader, async (page) => {
      const rows = await rowsOf();
      await goTo(page, '#/requests', 'Requests');
      expect((await cellsOf(page, 'Requests, newest first')).map((cells) => cells[2])).toEqual(
        rows.map(({ status }) => String(status)),
      );
      for (const [n, { cost, request_id, usage_source }] of rows.entries()) {
        await page
          .getByRole('row')
          .nth(n + 1)
          .getByRole('link')
          .click();
        await page.getByRole('heading', { level: 1, name: 'Receipt' }).waitFor();
        await settled(page);
        expect(await page.locator('.sum').textContent(), usage_source).toBe(cost === null ? 'unknown' : exact(cost));
        expect(await factOf(page, 'Request')).toBe(request_id);
        await page.goBack();
        await settled(page);
      }
      expect(rows.map(({ usage_source }) => usage_source)).toContain('cache');
    }));

  it('shows on a receipt how it was corrected, and what is only estimated', () =>
    open(reader, async (page) => {
      const [corrected] = await rowsOf('openai/gpt-5-mini');
      await goTo(page, `#/requests/${corrected?.request_id}`, 'Receipt');
      const [[why, , ...numbers] = []] = await cellsOf(page, 'Corrections, as differences');
      expect([why, ...numbers]).toEqual(['reconciled 0.1', '3', '-1', '$0.001234567']);
      const [input, cached, , output] = await cellsOf(page, 'Tokens by class, with the price book’s prices');
      expect([input?.[2], cached?.[2], output?.[2]]).toEqual(['$0.25', '$0.025', '$2.00']);

      const [estimated] = await rowsOf('sim/untold');
      await goTo(page, `#/requests/${estimated?.request_id}`, 'Receipt');
      await page.getByText('What 1 attempt cost is not certain').waitFor();
      expect(await page.getByText('got no answer').count()).toBe(0);
      const [attempt] = await cellsOf(page, 'Attempts that did not tell their cost');
      expect(attempt).toEqual(['sim/untold', 'given up', '0', '7', '5', 'unknown']);
    }));

  it('filters requests by outcome, model and key', () =>
    open(reader, async (page) => {
      await goTo(page, '#/requests', 'Requests');
      await page.getByText('Failed', { exact: true }).click();
      await settled(page);
      const failed = (await rowsOf()).filter(({ status }) => status >= 400);
      await page.getByRole('row').nth(failed.length).waitFor();
      await expect.poll(() => page.getByRole('row').count()).toBe(failed.length + 1);
      await page.getByText('All', { exact: true }).click();
      await page.getByLabel('Model').fill('anthropic/claude-haiku-4.5');
      await page.getByLabel('Model').press('Enter');
      await expect.poll(() => page.getByRole('row').count()).toBe(4);
      await page.getByLabel('Key').fill('key_other');
      await page.getByLabel('Key').press('Enter');
      await expect.poll(() => page.getByRole('row').count()).toBe(2);
    }));

  it('tells an admin of another account, and of all', () =>
    open(admin, async (page) => {
      await settled(page);
      expect(await factOf(page, 'Requests')).toBe('0');
      for (const account of ['tester', 'all accounts']) {
        await page.getByLabel('Account').fill(account);
        await page.getByLabel('Account').press('Enter');
        await expect.poll(() => factOf(page, 'Requests')).toBe('8');
      }
      await expect.poll(() => cellsOf(page, 'Usage by account')).toEqual([expect.arrayContaining(['tester', '100%'])]);
      // Plotted by account, too, and latency, which the API does not tell by account, for all of them.
      await page.getByRole('radio', { name: 'Account' }).check();
      await settled(page);
      await page.getByRole('figure', { name: 'Cost' }).getByRole('button', { name: 'Table' }).click();
      const heads = page.getByRole('table', { name: 'Cost', exact: true }).getByRole('columnheader');
      expect(await heads.allTextContents()).toEqual(['day, UTC', 'tester']);
      await page.getByRole('figure', { name: 'Time to the last byte', exact: true }).locator('canvas').waitFor();
    }));

  it('tells of which time it is, in the reader’s zone and in UTC', () =>
    visitDashboard(browser, { origin: system.origin, key: reader, timezoneId: 'Pacific/Kiritimati' }, async (page) => {
      await settled(page);
      const midnight = (text: string) => `${text}, 00:00 UTC`;
      const day = (ms: number) => new Date(ms).toLocaleDateString('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
      await page.getByText(`From ${midnight(day(Date.now() - 6 * 86_400_000))} to ${day(Date.now())}, `).waitFor();
      await page.getByText('Times are Pacific/Kiritimati’s').waitFor();
      const [row] = await rowsOf();
      const { created_at } = await api<{ created_at: string }>(`/usage/requests/${row?.request_id}`, reader);
      await goTo(page, `#/requests/${row?.request_id}`, 'Receipt');
      const local = new Date(Date.parse(created_at) + 14 * 3_600_000).toISOString();
      expect(Date.parse(`${await factOf(page, 'Time')} UTC`)).toBe(Math.floor(Date.parse(local) / 1_000) * 1_000);
      expect(await factOf(page, 'Time, UTC')).toContain(`${created_at.slice(11, 16)} UTC`);
    }));

  it('shows the month of a bill, and leads to its requests alone', () =>
    open(reader, async (page) => {
      await goTo(page, '#/?time=last-month', 'Usage');
      expect(await factOf(page, 'Requests')).toBe('0');
      await goTo(page, '#/?time=month', 'Usage');
      expect(await factOf(page, 'Requests')).toBe('8');
      await page.getByRole('link', { name: 'openai/gpt-5-mini' }).click();
      await page.getByRole('heading', { level: 1, name: 'Requests' }).waitFor();
      await settled(page);
      expect(await page.getByRole('row').count()).toBe((await rowsOf('openai/gpt-5-mini')).length + 1);
      await page.getByLabel('Time').selectOption('Last month');
      await page.getByText('No requests.').waitFor();
    }));

  it('shows what limits and budgets leave', async () => {
    const limits = { budget_month_nano_usd: 2_000_000_000, tokens_per_month: 1_000_000, requests_per_minute: 5 };
    const key = await system.createKey('thrifty', { limits });
    interface Told {
      limits: { budget_month: Record<'remaining_usd' | 'used_usd' | 'reserved_usd', string> };
    }
    const answer = await fetch(`${system.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'openai/gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    await answer.text();
    const { budget_month } = await eventually(async () => {
      const { limits } = await api<Told>('/usage', key);
      return Number(limits.budget_month.reserved_usd) === 0 && Number(limits.budget_month.used_usd) > 0 ? limits : null;
    });
    await open(key, async (page) => {
      await goTo(page, '#/limits', 'Limits');
      const left = `$${budget_month.remaining_usd.replace(/0{1,7}$/, '')} of $2.00 left`;
      await page.getByText(left).first().waitFor();
      const meter = page.getByRole('meter', { name: 'Budget of the month' });
      const percent = await meter.evaluate((element: HTMLMeterElement) => element.value);
      expect(percent).toBeCloseTo(Number(budget_month.used_usd) * 50, 6);
      await page.locator('span', { hasText: / of 1,000,000 left$/ }).waitFor();
      await page.locator('span', { hasText: /^[45] of 5 left$/ }).waitFor();
      // On the first page, too, since one is set.
      await goTo(page, '#/', 'Usage');
      await page.getByText(left).first().waitFor();
      expect(await page.getByRole('meter').count()).toBe(1);
    });
  });

  it('says of an attempt that was met with silence that nobody can be asked', async () => {
    const silent = usageEvent({
      ...{
        user_id: 'silent',
        model: null,
        status: 504,
        cost_nano_usd: null,
        unpriced_attempts: 1,
        usage_source: 'unknown',
      },
      ...{
        input_tokens: null,
        output_tokens: null,
        cached_tokens: null,
        cache_write_tokens: null,
        reasoning_tokens: null,
      },
    });
    await system.usageQueue.send(silent);
    const key = await system.createKey('silent', { permissions: ['read'] });
    await eventually(async () => (await api<Told>('/usage', key)).total.requests || null, 20_000);
    await open(key, async (page) => {
      await goTo(page, `#/requests/${silent.request_id}`, 'Receipt');
      expect(await page.locator('.sum').textContent()).toBe('unknown');
      await page.getByText('1 attempt got no answer').waitFor();
      await page.getByText('No model answered').waitFor();
    });
  });

  it('saves all requests as CSV, however many pages that are', async () => {
    const many = Array.from({ length: 130 }, () => ({ body: usageEvent({ user_id: 'many' }) }));
    await system.usageQueue.sendBatch(many.slice(0, 100));
    await system.usageQueue.sendBatch(many.slice(100));
    const key = await system.createKey('many', { permissions: ['read'] });
    await eventually(async () => (await api<Told>('/usage', key)).total.requests === many.length || null, 20_000);
    await open(key, async (page) => {
      await goTo(page, '#/requests', 'Requests');
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'CSV' }).click(),
      ]);
      const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n');
      const ids = lines.slice(1).map((line) => line.split(',')[0]);
      expect(ids.toSorted()).toEqual(many.map(({ body }) => body.request_id).toSorted());
    });
  });
});

/** The colours that a plot is drawn in, as `r,g,b`, of what is not see-through. */
function coloursOf(page: Page, title: string): Promise<string[]> {
  return page
    .getByRole('figure', { name: title, exact: true })
    .locator('canvas')
    .evaluate((canvas: HTMLCanvasElement) => {
      const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      const seen = new Set<string>();
      for (let n = 0; n < pixels.length; n += 4)
        if (pixels[n + 3] === 255) seen.add(`${pixels[n]},${pixels[n + 1]},${pixels[n + 2]}`);
      return [...seen];
    });
}
