import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessibilityFaults } from '../../support/accessibility.ts';
import { CHROMIUM, launchBrowser } from '../../support/browser.ts';
import { goTo, settled, visitDashboard } from '../../support/dashboard.ts';
import { storeDeadLetters } from '../../support/dead-letter.ts';
import { eventually } from '../../support/eventually.ts';
import { sampleUsage } from '../../support/sample-usage.ts';
import { type System, startSystem } from '../../support/system.ts';
import { usageEvent } from '../../support/usage-event.ts';

/** What was seen; looked at after a change of styles. */
const SCREENSHOTS = 'node_modules/.cache/screenshots';
/** The picture in the README, taken anew when UPDATE_SCREENSHOTS is set. */
const PICTURE = 'docs/dashboard.png';
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

const LOOKS: Record<string, BrowserContextOptions> = {
  light: { ...DESKTOP, colorScheme: 'light' },
  dark: { ...DESKTOP, colorScheme: 'dark' },
  phone: { ...PHONE, colorScheme: 'light' },
  'dark phone': { ...PHONE, colorScheme: 'dark' },
};

describe.skipIf(!CHROMIUM)('the dashboard after a month', () => {
  let system: System;
  let browser: Browser;
  let admin: string;
  let letter: string;
  let request: string;
  beforeAll(async () => {
    system = await startSystem();
    const limits = { tokens_per_month: 50_000_000 };
    admin = await system.createKey('acme', { name: 'web-app', permissions: ['read', 'write', 'admin'], limits });
    for (const name of ['support-bot', 'nightly-batch']) await system.createKey('acme', { name });
    const events = sampleUsage({ userId: 'acme', now: Date.now() });
    request = events.at(-1)?.request_id ?? '';
    for (let n = 0; n < events.length; n += 100) {
      await system.usageQueue.sendBatch(events.slice(n, n + 100).map((body) => ({ body })));
    }
    const rows = async () =>
      (await system.db.prepare('SELECT count(*) AS rows FROM usage_logs').first<{ rows: number }>())?.rows;
    await eventually(async () => (await rows()) === events.length || null, 60_000);
    [letter = ''] = await storeDeadLetters(system.db, [
      {
        body: usageEvent({ cost_nano_usd: 12_345_678 }),
        reason: 'failed at its last delivery: the database is overloaded',
      },
      { body: usageEvent({ cost_nano_usd: 1_250_000 }) },
      { queue: 'openai-api-analytics-dead-letters', body: { broken: true }, reason: 'Invalid input: expected string' },
      { state: 'discarded' },
    ]);
    const alert = system.db.prepare(
      'INSERT INTO alerts (name, state, value, threshold, changed_at, checked_at) VALUES (?, ?, ?, ?, 0, 0)',
    );
    await system.db.batch([
      alert.bind('error_rate', 'firing', 7.51, 5),
      alert.bind('queue_backlog', 'ok', 12, 10_000),
      alert.bind('account_drift', 'ok', 0.0012, 1),
      system.db.prepare('INSERT INTO account_comparisons VALUES (0, 31400000123, 31400000000, 123, 123)'),
    ]);
    browser = await launchBrowser();
    await mkdir(SCREENSHOTS, { recursive: true });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await system.stop();
  });

  const PAGES: readonly (readonly [name: string, hash: () => string, heading: string])[] = [
    ['usage', () => '#/?time=30d', 'Usage'],
    ['usage-by-model', () => '#/?time=30d&by=model', 'Usage'],
    ['requests', () => '#/requests', 'Requests'],
    ['receipt', () => `#/requests/${request}`, 'Receipt'],
    ['limits', () => '#/limits', 'Limits'],
    ['accounts', () => '#/accounts', 'Accounts'],
    ['account', () => '#/accounts/acme', 'acme'],
    ['dead-letters', () => '#/dead-letters', 'Dead letters'],
    ['dead-letter', () => `#/dead-letters/${letter}`, 'Dead letter'],
    ['alerts', () => '#/alerts', 'Alerts'],
    ['upstream', () => '#/upstream', 'Upstream'],
  ];

  /** Keeps what is seen, and looks for what should not be. */
  async function lookAt(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
    expect(await accessibilityFaults(page), name).toEqual([]);
    const [wide, there] = await page.evaluate(() => [document.documentElement.scrollWidth, screen.width]);
    expect(wide, `${name}: how wide it is`).toBeLessThanOrEqual(there ?? 0);
  }

  describe.each(Object.entries(LOOKS))('%s', (look, options) => {
    const open = (key: string | undefined, use: (page: Page) => Promise<void>) =>
      visitDashboard(browser, { origin: system.origin, ...(key && { key }), ...options }, use);

    it('can be used by people who see, hear or touch it otherwise, on every page', { timeout: 120_000 }, async () => {
      await open(undefined, (page) => lookAt(page, `sign-in-${look}`));
      await open(admin, async (page) => {
        for (const [name, hash, heading] of PAGES) {
          await goTo(page, hash(), heading);
          await lookAt(page, `${name}-${look}`);
        }
      });
    });

    it('so it can where it asks and answers', () =>
      open(admin, async (page) => {
        await goTo(page, '#/accounts', 'Accounts');
        await page.getByText('New account').click();
        await page.getByLabel('Budget of a month, $').waitFor();
        await lookAt(page, `new-account-${look}`);

        await goTo(page, '#/accounts/acme', 'acme');
        await page.getByText('New key').click();
        await page.locator('details form').getByLabel('Name').fill('laptop');
        await lookAt(page, `new-key-${look}`);
        await page.getByRole('button', { name: 'Create key' }).click();
        await page.getByText('It is shown only now.').waitFor();
        await settled(page);
        await lookAt(page, `key-${look}`);
        await page.getByRole('button', { name: 'I have it' }).click();
        await page.getByRole('button', { name: 'Change key_nightly-batch' }).click();
        await lookAt(page, `change-key-${look}`);
        await page.getByRole('button', { name: 'Cancel' }).click();

        await goTo(page, '#/dead-letters', 'Dead letters');
        await page.getByLabel('Choose all that are shown').check();
        await page.getByRole('button', { name: 'Try a replay' }).click();
        await page.getByText('Only tried, nothing was done').waitFor();
        await lookAt(page, `try-${look}`);
        await page.getByRole('button', { name: 'Discard …' }).click();
        await page.getByRole('dialog').waitFor();
        await lookAt(page, `discard-${look}`);
        await page.getByRole('button', { name: 'Cancel' }).click();

        await goTo(page, '#/?time=30d&by=model', 'Usage');
        await page.getByRole('figure', { name: 'Cost' }).getByRole('button', { name: 'Table' }).click();
        await lookAt(page, `table-${look}`);
        await page.getByRole('figure', { name: 'Requests' }).locator('.u-over').hover();
        await page.screenshot({ path: join(SCREENSHOTS, `pointed-at-${look}.png`) });
      }));
  });

  it.each([
    ['desk', DESKTOP],
    ['phone', PHONE],
  ])('has room on a %s for the longest names and the largest amounts', async (look, options) => {
    const [account, name] = [`${look}:${'x'.repeat(128)}`.slice(0, 128), `${look}-${'k'.repeat(120)}`];
    const key = await system.createKey(account, { name, permissions: ['read', 'admin'] });
    const model = `vendor/${'a-model-that-has-a-name-'.repeat(5)}:free`;
    const costly = { cost_nano_usd: 4_900_000_000_000_001, input_tokens: 900_000_000_000 };
    await system.usageQueue.sendBatch(
      [model, '<img src=x onerror=alert(1)>'].map((model) => ({
        body: usageEvent({ user_id: account, key_id: `key_${name}`, requested_model: model, model, ...costly }),
      })),
    );
    const rows = 'SELECT count(*) AS rows FROM usage_logs WHERE user_id = ?1';
    await eventually(async () => (await system.db.prepare(rows).bind(account).first('rows')) === 2 || null, 20_000);
    await visitDashboard(browser, { origin: system.origin, key, ...options }, async (page) => {
      for (const [name, hash, heading] of [
        ['usage', '#/?time=24h&by=model', 'Usage'],
        ['requests', '#/requests', 'Requests'],
        ['accounts', '#/accounts', 'Accounts'],
        ['account', `#/accounts/${encodeURIComponent(account)}`, account],
      ] as const) {
        await goTo(page, hash, heading);
        await lookAt(page, `long-${name}-${look}`);
        expect(await page.locator('.tiles dd, .u-label, h1').evaluateAll(overflowing)).toEqual([]);
      }
      expect(await page.locator('main img').count()).toBe(0);
    });
  });

  it('shows what is chosen also where the system sets the colours', () =>
    visitDashboard(browser, { origin: system.origin, key: admin, ...DESKTOP, forcedColors: 'active' }, async (page) => {
      await goTo(page, '#/dead-letters', 'Dead letters');
      const backgrounds = await page
        .getByRole('group', { name: 'State' })
        .locator('span')
        .evaluateAll((spans) => spans.map((span) => getComputedStyle(span).backgroundColor));
      expect(new Set(backgrounds).size).toBe(2);
      const borders = await page
        .getByRole('navigation')
        .getByRole('link')
        .evaluateAll((links) => links.map((link) => getComputedStyle(link).borderBottomColor));
      expect(new Set(borders).size).toBe(2);
      await page.screenshot({ path: join(SCREENSHOTS, 'forced-colours.png') });
    }));

  it('is found wanting where it is', () =>
    visitDashboard(browser, { origin: system.origin }, async (page) => {
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.evaluate(() => {
        const pale = document.createElement('h3');
        pale.textContent = 'pale';
        pale.style.color = '#ccc';
        document
          .querySelector('h1')
          ?.replaceWith(pale, document.createElement('select'), document.createElement('table'));
      });
      expect(await accessibilityFaults(page)).toEqual([
        'a combobox without a name',
        '0 of h1',
        'headings of levels 3',
        'a table without a caption',
        expect.stringMatching(/^a contrast of 1\.\d+: rgb\(204, 204, 204\) in “pale”$/),
      ]);
    }));

  it('is small enough for the README, which shows it', () =>
    visitDashboard(browser, { origin: system.origin, key: admin, ...LOOKS.light }, async (page) => {
      await goTo(page, '#/?time=30d&by=model', 'Usage');
      const picture = await page.screenshot(process.env.UPDATE_SCREENSHOTS ? { path: PICTURE } : {});
      expect(picture.byteLength).toBeLessThan(150_000);
    }));
});

/** Runs in the page: what has more in it than is seen. */
function overflowing(elements: Element[]): string[] {
  return elements.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ outerHTML }) => outerHTML);
}
