import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, launchBrowser } from '../../support/browser.ts';
import { goTo, REFUSED, settled, signIn, visitDashboard } from '../../support/dashboard.ts';
import { type System, startSystem } from '../../support/system.ts';

describe.skipIf(!CHROMIUM)('signing in to the dashboard', () => {
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

  const open = (key: string | undefined, use: (page: Page) => Promise<void>, more: { expectedErrors?: RegExp } = {}) =>
    visitDashboard(browser, { origin: system.origin, ...(key !== undefined && { key }), ...more }, use);

  it('says why a key is not accepted, and keeps nothing of it', async () => {
    const wrong = 'sk-wrong-key-of-the-test';
    const expectedErrors = REFUSED;
    await open(
      undefined,
      async (page) => {
        await signIn(page, wrong);
        const told = await page.getByRole('alert').textContent();
        expect(told).toContain('Incorrect API key');
        expect(await page.getByRole('navigation').count()).toBe(0);
        expect(await page.evaluate(() => sessionStorage.length + localStorage.length)).toBe(0);
        await signIn(page, reader);
        await page.getByRole('heading', { level: 1, name: 'Usage' }).waitFor();
      },
      { expectedErrors },
    );
  });

  it('shows a key with `read` its account, and no admin page, however that is asked for', () =>
    open(reader, async (page) => {
      expect(await page.getByRole('navigation').getByRole('link').allTextContents()).toEqual([
        ...['Usage', 'Requests', 'Limits'],
      ]);
      for (const hash of ['#/accounts', '#/dead-letters', '#/alerts', '#/upstream', '#/accounts/operator']) {
        await goTo(page, hash, 'Usage');
      }
      expect(await page.getByLabel('Account').count()).toBe(0);
    }));

  it('shows an admin all pages, and a key that may only write that there is nothing to see', async () => {
    await open(admin, async (page) => {
      expect(await page.getByRole('navigation').getByRole('link').allTextContents()).toEqual([
        ...['Usage', 'Requests', 'Limits', 'Accounts', 'Dead letters', 'Alerts', 'Upstream'],
      ]);
    });
    const writer = await system.createKey('tester', { name: 'writer', permissions: ['write'] });
    await open(undefined, async (page) => {
      await signIn(page, writer);
      await page.getByText('This key may only write').waitFor();
    });
  });

  it('keeps the key in this tab alone: it is in no URL, cookie or store that lasts, and gone when signed out', () =>
    open(undefined, async (page) => {
      const urls: string[] = [];
      page.on('request', (request) => urls.push(request.url()));
      await signIn(page, admin);
      await page.getByRole('navigation').waitFor();
      for (const link of await page.getByRole('navigation').getByRole('link').all()) {
        await link.click();
        await settled(page);
      }
      await page.reload();
      await page.getByRole('navigation').waitFor();
      await settled(page);

      const cdp = await page.context().newCDPSession(page);
      const { entries } = await cdp.send('Page.getNavigationHistory');
      expect(entries.length).toBeGreaterThan(5);
      const stored = await page.evaluate(async () => ({
        local: { ...localStorage },
        cookie: document.cookie,
        databases: await indexedDB.databases(),
        caches: await caches.keys(),
      }));
      expect(stored).toEqual({ local: {}, cookie: '', databases: [], caches: [] });
      expect(await page.context().cookies()).toEqual([]);
      const seen = [...urls, ...entries.map(({ url }) => url), await page.content()].join('\n');
      expect(seen).toContain('/admin/upstream');
      expect(seen).not.toContain(admin);

      const other = await page.context().newPage();
      await other.goto(page.url());
      await other.getByLabel('API key').waitFor();
      await other.close();

      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('API key').waitFor();
      expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))).toBe('{}');
      expect(await page.getByLabel('API key').inputValue()).toBe('');
      await page.goBack();
      await page.reload();
      await page.getByLabel('API key').waitFor();
      expect(await page.getByRole('navigation').count()).toBe(0);
    }));

  it('ends when the key is revoked, and says so', async () => {
    const doomed = await system.createKey('tester', { name: 'doomed', permissions: ['read'] });
    const expectedErrors = REFUSED;
    await open(
      doomed,
      async (page) => {
        await settled(page);
        const revoked = await fetch(`${system.origin}/admin/keys/key_doomed`, {
          method: 'DELETE',
          headers: { authorization: `Bearer ${admin}` },
        });
        expect(revoked.status).toBe(200);
        await page.getByRole('link', { name: 'Limits' }).click();
        await page.getByLabel('API key').waitFor();
        expect(await page.getByRole('alert').textContent()).toContain('Incorrect API key');
        expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
      },
      { expectedErrors },
    );
  });

  it('may do nothing but speak to its own origin with scripts and styles of its own', async () => {
    const { headers } = await fetch(`${system.origin}/dashboard`);
    const policy = Object.fromEntries(
      (headers.get('content-security-policy') ?? '').split('; ').map((part) => part.split(/ (.*)/s).slice(0, 2)),
    );
    expect(policy).toMatchObject({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'connect-src': "'self'",
      'frame-ancestors': "'none'",
      'base-uri': "'none'",
      'form-action': "'none'",
      'require-trusted-types-for': "'script'",
      'trusted-types': "'none'",
    });
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
    // Its policy is kept, and this test would hear of a page that broke it.
    const tried = open(
      reader,
      async (page) => {
        const refused = await page.evaluate(async (elsewhere) => {
          const attempts = [
            () => {
              document.body.innerHTML = '<b>anything</b>';
            },
            () => fetch(elsewhere),
            () => document.body.setAttribute('onclick', 'alert(1)'),
            () => {
              const script = document.createElement('script');
              script.text = '1';
            },
          ];
          const outcomes = [];
          for (const attempt of attempts) {
            outcomes.push(
              await Promise.resolve()
                .then(attempt)
                .then(
                  () => 'done',
                  () => 'refused',
                ),
            );
          }
          return outcomes;
        }, 'http://127.0.0.1:9/');
        expect(refused).toEqual(['refused', 'refused', 'refused', 'refused']);
      },
      {},
    );
    await expect(tried).rejects.toThrow(/The policy forbids it: connect-src/);
  });

  it('is used with the keyboard alone', () =>
    open(undefined, async (page) => {
      const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
      const focusedElement = () => page.evaluate(() => document.activeElement?.tagName);
      const press = async (...keys: string[]) => {
        for (const key of keys) await page.keyboard.press(key);
      };
      await press('Tab');
      await page.keyboard.type(reader);
      await press('Enter');
      await page.getByRole('heading', { level: 1, name: 'Usage' }).waitFor();
      await settled(page);

      await press('Tab');
      expect(await focused()).toBe('Skip to the content');
      await press('Tab', 'Tab');
      expect(await focused()).toBe('Requests');
      await press('Enter');
      await page.getByRole('heading', { level: 1, name: 'Requests' }).waitFor();
      await expect.poll(focusedElement).toBe('MAIN');
      await settled(page);

      // From what was opened on: the time and two filters, then the outcomes, among which arrow keys move.
      await press('Tab', 'Tab', 'Tab', 'Tab', 'ArrowRight');
      await expect.poll(() => new URL(page.url()).hash).toBe('#/requests?outcome=ok');
      await press('ArrowRight');
      await expect.poll(() => new URL(page.url()).hash).toBe('#/requests?outcome=error');
      expect(await page.getByRole('radio', { name: 'Failed' }).isChecked()).toBe(true);

      // Past the links to the content itself.
      await page.evaluate(() => (document.activeElement as HTMLElement).blur());
      await goTo(page, '#/limits', 'Limits');
      await page.locator('.skip').focus();
      await press('Enter');
      expect(await focusedElement()).toBe('MAIN');
      await press('Tab');
      expect(await focused()).toBe('Refresh');
    }));
});
