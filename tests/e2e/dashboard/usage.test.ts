import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { count, share, usd } from '../../../api-worker/dashboard/format.ts';
import { CHROMIUM, launchBrowser } from '../../support/browser.ts';
import { atOnce, cellsOf, factOf, goTo, settled, visitDashboard } from '../../support/dashboard.ts';
import { eventually } from '../../support/eventually.ts';
import { requestsOf, someRequests, type ToldUsage, told } from '../../support/some-requests.ts';
import { type System, startSystem } from '../../support/system.ts';

describe.skipIf(!CHROMIUM)('usage in the dashboard', () => {
  let system: System;
  let browser: Browser;
  let admin: string;
  let reader: string;
  beforeAll(async () => {
    system = await startSystem();
    admin = await system.createKey('operator', { permissions: ['read', 'admin'] });
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

  it('sums up exactly what the API does', () =>
    open(reader, async (page) => {
      await settled(page);
      const { total } = await told<ToldUsage>(system, '/usage', reader);
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
        const { data } = await told<ToldUsage>(system, `/usage?group_by=${group}`, reader);
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
      const { total } = await told<ToldUsage>(system, '/usage', reader);
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
      const { data } = await told<ToldUsage>(system, '/usage?group_by=model', reader);
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
      const { busy, text } = await atOnce(page, '#/?time=last-month', '.tiles');
      expect([busy, text]).toEqual(['true', expect.stringContaining('Requests8')]);
      await settled(page);
      expect(await factOf(page, 'Requests')).toBe('0');
    }));

  it('keeps the first of two choices that are made before the page could follow', () =>
    open(reader, async (page) => {
      await settled(page);
      await page.evaluate(() => {
        const labels = [...document.querySelectorAll('label')];
        for (const choice of ['24 h', 'Model']) labels.find(({ textContent }) => textContent === choice)?.click();
      });
      await settled(page);
      expect(new URL(page.url()).hash).toBe('#/?time=24h&by=model');
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
      const [row] = await requestsOf(system);
      const { created_at } = await told<{ created_at: string }>(system, `/usage/requests/${row?.request_id}`, reader);
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
      expect(await page.getByRole('row').count()).toBe((await requestsOf(system, 'openai/gpt-5-mini')).length + 1);
      await page.getByLabel('Time').selectOption('Last month');
      await page.getByText('No requests.').waitFor();
    }));

  it('shows what limits and budgets leave', async () => {
    const limits = { budget_month_nano_usd: 2_000_000_000, tokens_per_month: 1_000_000, requests_per_minute: 5 };
    const key = await system.createKey('thrifty', { limits });
    interface LimitsTold {
      limits: { budget_month: Record<'remaining_usd' | 'used_usd' | 'reserved_usd', string> };
    }
    const answer = await fetch(`${system.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'openai/gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    await answer.text();
    const { budget_month } = await eventually(async () => {
      const { limits } = await told<LimitsTold>(system, '/usage', key);
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
