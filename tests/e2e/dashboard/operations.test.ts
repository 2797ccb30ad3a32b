import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHROMIUM, launchBrowser } from '../../support/browser.ts';
import { cellsOf, factOf, goTo, visitDashboard } from '../../support/dashboard.ts';
import { storeDeadLetters } from '../../support/dead-letter.ts';
import { eventually } from '../../support/eventually.ts';
import { type System, startSystem } from '../../support/system.ts';
import { usageEvent } from '../../support/usage-event.ts';

describe.skipIf(!CHROMIUM)('operations in the dashboard', () => {
  let system: System;
  let browser: Browser;
  let admin: string;
  beforeAll(async () => {
    system = await startSystem();
    admin = await system.createKey('operator', { permissions: ['admin', 'read'] });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await system.stop();
  });

  const open = (use: (page: Page) => Promise<void>) =>
    visitDashboard(browser, { origin: system.origin, key: admin }, use);

  /** What was done last, which has the focus. */
  const done = (page: Page) => page.locator('output.notice:focus');

  describe('dead letters', () => {
    beforeEach(() => system.db.prepare('DELETE FROM dead_letters').run());

    it('show the dollars that are stuck, are tried, replayed, and billed', async () => {
      const event = usageEvent({ user_id: 'stuck', cost_nano_usd: 12_345_678_901 });
      const [id] = await storeDeadLetters(system.db, [
        { body: event },
        { queue: 'openai-api-analytics-dead-letters', body: { broken: true }, reason: 'no event' },
      ]);
      await open(async (page) => {
        await goTo(page, '#/dead-letters', 'Dead letters');
        expect(await page.locator('.sum').textContent()).toBe('$12.345678901');
        await page.getByText('2 stuck, the oldest since').waitFor();
        await page.getByLabel(`Choose ${id}`).check();
        await page.getByRole('button', { name: 'Try a replay' }).click();
        await expect
          .poll(() => done(page).textContent())
          .toBe('Only tried, nothing was done: 1 would be billed ($12.345678901).');
        expect(await cellsOf(page, 'What a replay would do with each')).toEqual([
          [id, 'openai-api-usage-dead-letters', 'would be billed', '$12.345678901', '–'],
        ]);
        expect(await rowsOf(event.request_id)).toBe(0);

        await page.getByRole('button', { name: 'Replay', exact: true }).click();
        await expect.poll(() => done(page).textContent()).toBe('1 sent to be billed ($12.345678901).');
        await eventually(async () => (await rowsOf(event.request_id)) || null);
        await expect.poll(() => page.locator('.sum').textContent()).toBe('$0.00');
        await page.getByText('Replayed', { exact: true }).click();
        await page.getByRole('link', { name: /\d{4}, / }).waitFor();
        expect(await cellsOf(page, 'Dead letters that are replayed, the oldest first')).toHaveLength(1);
      });
    });

    it('are replayed and discarded as all of a queue, which asks first', async () => {
      const usage = Array.from({ length: 130 }, () => ({ body: usageEvent({ user_id: 'many', cost_nano_usd: 10 }) }));
      await storeDeadLetters(system.db, [
        ...usage,
        { body: { ...usageEvent(), status: 'fine' } },
        { queue: 'openai-api-analytics-dead-letters', body: { broken: true } },
      ]);
      await open(async (page) => {
        await goTo(page, '#/dead-letters', 'Dead letters');
        await page.getByText('Usage', { exact: true }).last().click();
        await page.getByText('All that are stuck of usage (131)').click();
        await page.getByRole('button', { name: 'Replay', exact: true }).click();
        await expect.poll(() => done(page).textContent()).toBe('130 sent to be billed ($0.0000013), 1 refused.');
        const refused = (await cellsOf(page, 'What became of each')).find((cells) => cells[2] === 'refused');
        expect(refused?.[4]).toContain('The message is invalid');

        await page.getByText('All that are stuck of usage (1)').waitFor();
        await page.getByRole('button', { name: 'Discard …' }).click();
        const dialog = page.getByRole('dialog', { name: 'Discard 1 letter?' });
        expect(await dialog.textContent()).toContain('$0.0000015 will never be billed.');
        await dialog.getByRole('button', { name: 'Cancel' }).click();
        expect(await states()).toEqual({ replayed: 130, stuck: 2 });
        await page.getByRole('button', { name: 'Discard …' }).click();
        await dialog.getByRole('button', { name: 'Discard' }).click();
        await expect.poll(() => done(page).textContent()).toBe('1 discarded.');
        expect(await states()).toEqual({ replayed: 130, stuck: 1, discarded: 1 });
      });
    });

    it('show their messages as they are, and nothing in them is run', async () => {
      const body = { request_id: '<img src=x onerror=alert(1)>', cost_nano_usd: 7 };
      const [id] = await storeDeadLetters(system.db, [{ body, reason: '<b>bad</b>' }]);
      await open(async (page) => {
        await goTo(page, `#/dead-letters/${id}`, 'Dead letter');
        expect(JSON.parse((await page.locator('pre').textContent()) ?? '')).toEqual(body);
        expect(await factOf(page, 'Reason')).toBe('<b>bad</b>');
        expect(await page.locator('main img, main b').count()).toBe(0);
        await page.getByRole('button', { name: 'Replay', exact: true }).click();
        await expect.poll(() => done(page).textContent()).toBe('1 refused.');
        await page.getByRole('button', { name: 'Discard …' }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
        await expect.poll(() => factOf(page, 'State')).toBe('discarded');
      });
    });

    it('claim nothing of a cost that they do not tell', async () => {
      await storeDeadLetters(system.db, [
        { body: usageEvent({ cost_nano_usd: null }) },
        { queue: 'openai-api-analytics-dead-letters', body: { broken: true } },
      ]);
      await open(async (page) => {
        await goTo(page, '#/dead-letters', 'Dead letters');
        const rows = await cellsOf(page, 'Dead letters that are stuck, the oldest first');
        expect(rows.map((cells) => cells[3]).toSorted()).toEqual(['$0.00', 'unknown']);
        await page.getByText('All that are stuck (2)').click();
        await page.getByRole('button', { name: 'Try a replay' }).click();
        await page.getByText('1 would be billed (cost unknown)').waitFor();
        await page.getByRole('button', { name: 'Discard …' }).click();
        await page.getByRole('dialog').getByText('None of them has a known cost that waits to be billed.').waitFor();
      });
    });

    async function rowsOf(requestId: string): Promise<number> {
      const row = await system.db
        .prepare('SELECT count(*) AS rows FROM usage_logs WHERE request_id = ?1')
        .bind(requestId)
        .first<{ rows: number }>();
      return row?.rows ?? 0;
    }

    async function states(): Promise<Record<string, number>> {
      const { results } = await system.db
        .prepare('SELECT state, count(*) AS count FROM dead_letters GROUP BY state')
        .all<{ state: string; count: number }>();
      return Object.fromEntries(results.map(({ state, count }) => [state, count]));
    }
  });

  it('tells alerts in words, the firing ones first', async () => {
    const put = `INSERT INTO alerts (name, state, value, threshold, changed_at, told_at, checked_at) VALUES (?, ?, ?, ?, 0, ?, 60000)`;
    await system.db.batch(
      (
        [
          ['error_rate', 'firing', 7.51, 5, 1_000],
          ['account_drift', 'ok', 0.000012, 1, 1_000],
          ['spend_jump', 'firing', 6, 5, null],
          ['latency_p95', 'ok', null, 60_000, 1_000],
        ] as const
      ).map((row) => system.db.prepare(put).bind(...row)),
    );
    await open(async (page) => {
      await goTo(page, '#/alerts', 'Alerts');
      await page.getByText('2 of 4 firing.').waitFor();
      const items = page.getByRole('listitem');
      expect(await items.getByRole('heading').allTextContents()).toEqual([
        ...['Requests fail firing', 'Spending jumps firing'],
        ...['The ledger moves away from the upstream’s account in order', 'Answers are slow in order'],
      ]);
      const facts = (item: Locator) => item.locator('dd').allTextContents();
      const [at, told, checked] = ['1 Jan 1970, 00:00:00', '1 Jan 1970, 00:00:01', '1 Jan 1970, 00:01:00'];
      expect(await facts(items.nth(0))).toEqual(['7.51 %', '5 %', at, told, checked, 'error_rate']);
      expect(await facts(items.nth(1))).toEqual([
        ...['6 times the usual', '5 times the usual', at, 'not yet', checked, 'spend_jump'],
      ]);
      expect((await facts(items.nth(2))).slice(0, 2)).toEqual(['$0.000012', '$1.00']);
      expect((await facts(items.nth(3))).slice(0, 2)).toEqual(['could not be measured', '60.0 s']);
    });
  });

  it('tells how the upstream is: health, open circuits, and accounts compared', async () => {
    await system.db.prepare('INSERT INTO account_comparisons VALUES (0, 3000000001, 2000000000, 1000000001, -5)').run();
    // So many failures open a model's circuit.
    for (let n = 0; n < 15; n += 1) {
      const response = await fetch(`${system.origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'sim/status-503',
          models: ['sim/status-503'],
          messages: [{ role: 'user', content: `${n}` }],
        }),
      });
      await response.text();
    }
    await open(async (page) => {
      await goTo(page, '#/upstream', 'Upstream');
      expect(await factOf(page, 'Database')).toBe('up');
      expect(await factOf(page, 'Upstream')).toBe('up');
      expect(await factOf(page, 'Analytics')).toBe('not set up');
      await page.getByText('as the isolate that answers and KV know it').waitFor();
      const [circuit] = await cellsOf(page, 'Open circuits');
      expect(circuit?.[0]).toBe('sim/status-503');
      expect(Date.parse(`${circuit?.[1]} UTC`) - Date.now()).toBeLessThan(31_000);
      expect(await cellsOf(page, 'Comparisons, the newest first')).toEqual([
        ['1 Jan 1970, 00:00:00', '$3.000000001', '$2.00', '$1.000000001', '−$0.000000005'],
      ]);
    });
  });
});
