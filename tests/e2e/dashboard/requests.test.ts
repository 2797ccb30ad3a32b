import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nanoToUsd } from '../../../shared/money.ts';
import { CHROMIUM, launchBrowser } from '../../support/browser.ts';
import { atOnce, cellsOf, factOf, goTo, settled, visitDashboard } from '../../support/dashboard.ts';
import { eventually } from '../../support/eventually.ts';
import { requestsOf, someRequests, type ToldUsage, told } from '../../support/some-requests.ts';
import { type System, startSystem } from '../../support/system.ts';
import { usageEvent } from '../../support/usage-event.ts';

/** Nano-dollars, every digit, as the page is to write them. */
const exact = (nano: number) => `$${nanoToUsd(nano).replace(/0{1,7}$/, '')}`;

describe.skipIf(!CHROMIUM)('requests and their receipts in the dashboard', () => {
  let system: System;
  let browser: Browser;
  let reader: string;
  beforeAll(async () => {
    system = await startSystem();
    reader = await system.createKey('tester', { name: 'reader', permissions: ['read'] });
    await someRequests(system);
    browser = await launchBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await system.stop();
  });

  const open = (key: string, use: (page: Page) => Promise<void>) =>
    visitDashboard(browser, { origin: system.origin, key }, use);

  it('lists the ledger’s requests, and leads to receipts that are exact to the nano-dollar', () =>
    open(reader, async (page) => {
      const rows = await requestsOf(system);
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
      const [corrected] = await requestsOf(system, 'openai/gpt-5-mini');
      await goTo(page, `#/requests/${corrected?.request_id}`, 'Receipt');
      const [[why, , ...numbers] = []] = await cellsOf(page, 'Corrections, as differences');
      expect([why, ...numbers]).toEqual(['reconciled 0.1', '3', '-1', '$0.001234567']);
      const [input, cached, , output] = await cellsOf(page, 'Tokens by class, with the price book’s prices');
      expect([input?.[2], cached?.[2], output?.[2]]).toEqual(['$0.25', '$0.025', '$2.00']);

      const [estimated] = await requestsOf(system, 'sim/untold');
      await goTo(page, `#/requests/${estimated?.request_id}`, 'Receipt');
      await page.getByText('What 1 attempt cost is not certain').waitFor();
      expect(await page.getByText('got no answer').count()).toBe(0);
      const [attempt] = await cellsOf(page, 'Attempts that did not tell their cost');
      expect(attempt).toEqual(['sim/untold', 'given up', '0', '7', '5', 'unknown']);
    }));

  it('never passes off requests that were read before as those that are asked for now', () =>
    open(reader, async (page) => {
      await goTo(page, '#/requests', 'Requests');
      const { busy, text } = await atOnce(page, '#/requests?model=openai/gpt-5-mini', 'tbody');
      expect([busy, text]).toEqual(['true', expect.stringContaining('anthropic/')]);
      await settled(page);
      expect(await page.getByRole('row').count()).toBe(2);
    }));

  it('filters requests by outcome, model and key', () =>
    open(reader, async (page) => {
      await goTo(page, '#/requests', 'Requests');
      await page.getByText('Failed', { exact: true }).click();
      await settled(page);
      const failed = (await requestsOf(system)).filter(({ status }) => status >= 400);
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
    await eventually(async () => (await told<ToldUsage>(system, '/usage', key)).total.requests || null, 20_000);
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
    await eventually(
      async () => (await told<ToldUsage>(system, '/usage', key)).total.requests === many.length || null,
      20_000,
    );
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
