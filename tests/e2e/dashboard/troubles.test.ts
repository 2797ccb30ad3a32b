import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, launchBrowser } from '../../support/browser.ts';
import { atOnce, cellsOf, factOf, goTo, REFUSED, settled, signIn, visitDashboard } from '../../support/dashboard.ts';
import { storeDeadLetters } from '../../support/dead-letter.ts';
import { eventually } from '../../support/eventually.ts';
import { type System, startSystem } from '../../support/system.ts';
import { usageEvent } from '../../support/usage-event.ts';

describe.skipIf(!CHROMIUM)('the dashboard when something goes wrong', () => {
  let system: System;
  let browser: Browser;
  let admin: string;
  let reader: string;
  beforeAll(async () => {
    system = await startSystem();
    admin = await system.createKey('operator', { permissions: ['read', 'admin'] });
    reader = await system.createKey('tester', { name: 'reader', permissions: ['read'] });
    await system.usageQueue.sendBatch(
      [
        { user_id: 'tester', requested_model: 'a/one', model: 'a/one' },
        { user_id: 'tester', requested_model: 'a/two', model: 'a/two' },
        { user_id: 'bob', requested_model: 'a/three', model: 'a/three' },
      ].map((of) => ({ body: usageEvent(of) })),
    );
    await eventually(async () => {
      const row = await system.db.prepare('SELECT count(*) AS rows FROM usage_logs').first<{ rows: number }>();
      return row?.rows === 3 || null;
    }, 20_000);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await system.stop();
  });

  const open = (key: string | undefined, use: (page: Page) => Promise<void>) =>
    visitDashboard(browser, { origin: system.origin, ...(key !== undefined && { key }), expectedErrors: REFUSED }, use);

  const failing = (status: number, message: string) => (route: Route) =>
    route.fulfill({ status, json: { error: { message, type: 'server_error', param: null, code: null } } });

  const ask = async (page: Page, label: string, text: string) => {
    await page.getByLabel(label).fill(text);
    await page.getByLabel(label).press('Enter');
  };

  it('shows nobody’s numbers as another’s, where those that were asked for cannot be read', () =>
    open(admin, async (page) => {
      await goTo(page, '#/?account=tester', 'Usage');
      expect(await factOf(page, 'Requests')).toBe('2');
      await page.route(/user_id=bob/, failing(503, 'Usage cannot be read at the moment. Please try again.'));
      await ask(page, 'Account', 'bob');
      await page.getByRole('alert').getByText('Usage cannot be read at the moment.').waitFor();
      expect(await page.locator('.tiles, .chart, table').count()).toBe(0);
      // Nor, where something else is asked for, what was wrong with them.
      expect((await atOnce(page, '#/?account=tester', 'main')).text).not.toContain('cannot be read');
      await settled(page);
      await ask(page, 'Account', 'bob');
      await page.getByRole('alert').getByText('Usage cannot be read at the moment.').waitFor();
      await page.unroute(/user_id=bob/);
      await page.getByRole('button', { name: 'Try again' }).click();
      await expect.poll(() => factOf(page, 'Requests')).toBe('1');

      await goTo(page, '#/requests?account=tester', 'Requests');
      await page.route(/user_id=bob/, failing(500, 'It broke.'));
      await ask(page, 'Account', 'bob');
      await page.getByRole('alert').getByText('It broke.').waitFor();
      expect(await page.getByRole('table').count()).toBe(0);
      expect((await atOnce(page, '#/requests?account=tester', 'main')).text).not.toContain('It broke.');
      await settled(page);
      await ask(page, 'Account', 'bob');
      await page.getByRole('alert').getByText('It broke.').waitFor();
      await page.unroute(/user_id=bob/);
      await page.getByRole('button', { name: 'Try again' }).click();
      await expect.poll(() => page.getByRole('row').count()).toBe(2);
    }));

  it('keeps what it shows where the same cannot be read anew', () =>
    open(reader, async (page) => {
      await goTo(page, '#/requests', 'Requests');
      await page.route('**/usage/requests*', failing(429, 'Too many requests. Try again in 5 s.'));
      const refresh = page.getByRole('button', { name: 'Refresh' });
      await refresh.focus();
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText('Try again in 5 s.').waitFor();
      expect(await page.getByRole('row').count()).toBe(3);
      // And the focus where it was.
      expect(await refresh.evaluate((button) => button === document.activeElement)).toBe(true);
      await goTo(page, '#/', 'Usage');
      await page.route('**/usage?*', failing(500, 'It broke.'));
      await page.getByRole('button', { name: 'Refresh' }).click();
      await page.getByRole('alert').waitFor();
      expect(await factOf(page, 'Requests')).toBe('2');
    }));

  it.each<[string, (route: Route) => Promise<void>, RegExp]>([
    ['that cannot be reached', (route) => route.abort('internetdisconnected'), /cannot be reached/],
    ['whose answer breaks off', (route) => route.fulfill({ status: 200, body: '{"data": [' }), /broke off/],
    [
      'that something else answers for',
      (route) => route.fulfill({ status: 502, body: '<h1>Bad</h1>' }),
      /answered 502|not its own/,
    ],
  ])('says plainly what is the matter with an API %s', (_, answer, told) =>
    open(admin, async (page) => {
      await goTo(page, '#/requests', 'Requests');
      for (const [hash, heading] of [
        ['#/limits', 'Limits'],
        ['#/upstream', 'Upstream'],
      ] as const) {
        await page.route(/\/(usage|health|admin\/.*)(\?|$)/, answer);
        await page.goto(new URL(hash, page.url()).href);
        await page.getByRole('heading', { level: 1, name: heading }).waitFor();
        await page.getByRole('alert').first().waitFor();
        await settled(page);
        for (const alert of await page.getByRole('alert').locator('p').allTextContents()) expect(alert).toMatch(told);
        await page.unroute(/\/(usage|health|admin\/.*)(\?|$)/);
      }
    }),
  );

  it('says of what no key can be that it is none', () =>
    open(undefined, async (page) => {
      await signIn(page, 'sk-“schlüssel”');
      expect(await page.getByRole('alert').textContent()).toContain('This is no API key');
    }));

  it('takes the key of a tab up again as soon as that can be checked', () =>
    open(reader, async (page) => {
      await page.route('**/v1/key', failing(503, 'API keys cannot be checked at the moment. Please try again.'));
      await page.reload();
      await page.getByRole('alert').getByText('API keys cannot be checked').waitFor();
      expect(await page.getByLabel('API key').count()).toBe(0);
      await page.unroute('**/v1/key');
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('heading', { level: 1, name: 'Usage' }).waitFor();

      await page.route('**/v1/key', (route) => route.abort('internetdisconnected'));
      await page.reload();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('API key').waitFor();
      expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    }));

  it('is signed out also where the browser brings back a page as it was before', () =>
    open(reader, async (page) => {
      // Signed out in another document of the tab, while this one was kept.
      await page.evaluate(() => {
        sessionStorage.clear();
        dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      });
      await page.getByLabel('API key').waitFor();
      expect(await page.getByRole('navigation').count()).toBe(0);
    }));

  it('hears nothing more of a key that was signed out of', () =>
    open(reader, async (page) => {
      await goTo(page, '#/requests', 'Requests');
      let refuse = () => {};
      const refused = new Promise<void>((resolve) => {
        refuse = resolve;
      });
      await page.route(/format=csv/, async (route) => {
        await refused;
        await failing(401, 'Incorrect API key provided.')(route).catch(() => {});
      });
      const asked = page.waitForRequest(/format=csv/);
      await page.getByRole('button', { name: 'CSV' }).click();
      await asked;
      await page.getByRole('button', { name: 'Sign out' }).click();
      await signIn(page, admin);
      await page.getByRole('link', { name: 'Accounts' }).waitFor();
      refuse();
      await goTo(page, '#/alerts', 'Alerts');
      expect(await page.getByLabel('API key').count()).toBe(0);
    }));

  describe('in the midst of many dead letters', () => {
    /** Begins a replay of two pages, and lets the first one go on when `leave` is done. */
    const leaving = (leave: (page: Page) => Promise<void>) =>
      open(admin, async (page) => {
        await system.db.prepare('DELETE FROM dead_letters').run();
        await storeDeadLetters(
          system.db,
          Array.from({ length: 130 }, () => ({ body: usageEvent({ user_id: 'many' }) })),
        );
        let asked = 0;
        let go = () => {};
        const left = new Promise<void>((resolve) => {
          go = resolve;
        });
        await page.route('**/admin/dead-letters/replay', async (route) => {
          asked += 1;
          await left;
          await route.continue().catch(() => {});
        });
        await goTo(page, '#/dead-letters', 'Dead letters');
        await page.getByText('All that are stuck (130)').click();
        await page.getByRole('button', { name: 'Replay', exact: true }).click();
        await page.getByText('stay on this page').waitFor();
        await leave(page);
        go();
        await page.waitForLoadState('networkidle');
        expect(asked).toBe(1);
      });

    it('does not go on when the page is left', () =>
      leaving(async (page) => {
        await page.getByRole('link', { name: 'Alerts' }).click();
        await page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor();
      }));

    it('does not go on when its key is signed out of', () =>
      leaving(async (page) => {
        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByLabel('API key').waitFor();
      }));

    it('keeps what was chosen where nothing came of it', () =>
      open(admin, async (page) => {
        await system.db.prepare('DELETE FROM dead_letters').run();
        const [id] = await storeDeadLetters(system.db, [{ body: usageEvent() }, { body: usageEvent() }]);
        await goTo(page, '#/dead-letters', 'Dead letters');
        await page.getByLabel(`Choose ${id}`).check();
        await page.route('**/admin/dead-letters/replay', failing(503, 'The database is away.'));
        await page.getByRole('button', { name: 'Replay', exact: true }).click();
        await page.getByRole('alert').getByText('The database is away.').waitFor();
        await settled(page);
        expect(await page.getByLabel(`Choose ${id}`).isChecked()).toBe(true);
        await page.unroute('**/admin/dead-letters/replay');
        await page.getByRole('button', { name: 'Replay', exact: true }).click();
        await page.getByText('1 sent to be billed').waitFor();
        await expect.poll(() => cellsOf(page, 'Dead letters that are stuck, the oldest first')).toHaveLength(1);
      }));
  });

  it('takes a double click for one press, however fast the answer is', () =>
    open(admin, async (page) => {
      await goTo(page, '#/accounts', 'Accounts');
      await page.getByText('New account').click();
      await page.getByLabel('Name').fill('Twice');
      const box = await page.getByRole('button', { name: 'Create account' }).boundingBox();
      await page.mouse.move((box?.x ?? 0) + 5, (box?.y ?? 0) + 5);
      await page.mouse.down({ clickCount: 1 });
      await page.mouse.up({ clickCount: 1 });
      await page.getByText('was created').waitFor();
      await page.mouse.down({ clickCount: 2 });
      await page.mouse.up({ clickCount: 2 });
      await settled(page);
      await page.getByText('Twice').waitFor();
      const { results } = await system.db
        .prepare("SELECT name FROM users WHERE id LIKE 'user_%' OR name = 'Twice'")
        .all();
      expect(results).toEqual([{ name: 'Twice' }]);
    }));
});
