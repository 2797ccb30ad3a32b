import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, launchBrowser } from '../../support/browser.ts';
import { cellsOf, goTo, REFUSED, settled, visitDashboard } from '../../support/dashboard.ts';
import { type System, startSystem } from '../../support/system.ts';

describe.skipIf(!CHROMIUM)('accounts and keys in the dashboard', () => {
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

  const open = (use: (page: Page) => Promise<void>, options: { expectedErrors?: RegExp; timezoneId?: string } = {}) =>
    visitDashboard(browser, { origin: system.origin, key: admin, ...options }, use);

  /** The account as the API knows it. */
  async function account(id: string) {
    const answer = await fetch(`${system.origin}/admin/users/${id}`, { headers: { authorization: `Bearer ${admin}` } });
    return (await answer.json()) as { name: string; tier: string; is_active: boolean; limits: Record<string, unknown> };
  }

  const status = async (key: string) =>
    (await fetch(`${system.origin}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;

  /** What was done last, which has the focus. */
  const done = (page: Page) => page.locator('output.notice:focus');

  describe('accounts', () => {
    it('are created, with a budget to the nano-dollar', () =>
      open(async (page) => {
        await goTo(page, '#/accounts', 'Accounts');
        await page.getByText('New account').click();
        await page.getByLabel('Id', { exact: true }).last().fill('ada');
        await page.getByLabel('Name').fill('Ada Lovelace');
        await page.getByLabel('Tier').selectOption('premium');
        // As a product of doubles that would be 1234567890123456.9.
        await page.getByLabel('Budget of a month, $').fill('$1234567.890123457');
        await page.getByRole('button', { name: 'Create account' }).click();
        await expect.poll(() => done(page).textContent()).toContain('“ada” was created');
        expect(await account('ada')).toMatchObject({
          name: 'Ada Lovelace',
          tier: 'premium',
          limits: { budget_month_nano_usd: 1_234_567_890_123_457 },
        });
        await page.getByRole('link', { name: 'ada' }).click();
        await page.getByRole('heading', { level: 1, name: 'ada' }).waitFor();
        expect(await page.getByLabel('Budget of a month, $').inputValue()).toBe('1234567.890123457');

        // And the next one is not of the tier that happens to be the first.
        await goTo(page, '#/accounts', 'Accounts');
        await page.getByText('New account').click();
        await page.getByLabel('Tier').selectOption('premium');
        await page.getByRole('button', { name: 'Create account' }).click();
        await expect.poll(() => done(page).textContent()).toContain('was created');
        expect(await page.getByLabel('Tier').inputValue()).toBe('standard');
      }));

    it('cannot be created twice, nor with what is no amount, and the page says why', () =>
      open(
        async (page) => {
          await system.createKey('taken');
          await goTo(page, '#/accounts', 'Accounts');
          await page.getByText('New account').click();
          await page.getByLabel('Id', { exact: true }).last().fill('taken');
          await page.getByLabel('Budget of a month, $').fill('1,000');
          await page.getByRole('button', { name: 'Create account' }).click();
          expect(
            await page.getByLabel('Budget of a month, $').evaluate((field: HTMLInputElement) => field.validity.valid),
          ).toBe(false);
          await page.getByLabel('Budget of a month, $').fill('9999999999');
          await page.getByRole('button', { name: 'Create account' }).click();
          await expect.poll(() => page.getByRole('alert').textContent()).toContain('“9999999999” is not an amount');
          await page.getByLabel('Budget of a month, $').fill('');
          await page.getByRole('button', { name: 'Create account' }).click();
          await expect.poll(() => page.getByRole('alert').textContent()).toContain("'taken' exists already");
        },
        { expectedErrors: REFUSED },
      ));

    it('are found by the beginning of their ids, page after page', async () => {
      await system.db.batch(
        ['find', 'finder', 'finding', ...Array.from({ length: 60 }, (_, n) => `many_${100 + n}`)].map((id) =>
          system.db.prepare('INSERT INTO users (id, name, created_at) VALUES (?1, ?1, 0)').bind(id),
        ),
      );
      await open(async (page) => {
        await goTo(page, '#/accounts', 'Accounts');
        const ids = async () => (await cellsOf(page, 'Accounts by id')).map(([id]) => id);
        const search = async (text: string) => {
          await page.getByRole('searchbox', { name: 'Id' }).fill(text);
          await page.getByRole('searchbox', { name: 'Id' }).press('Enter');
        };
        await search('find');
        await expect.poll(ids).toEqual(['find', 'finder', 'finding']);
        expect(await page.getByRole('button', { name: 'More accounts' }).count()).toBe(0);
        await search('many_');
        await expect.poll(ids).toHaveLength(50);
        await page.getByRole('button', { name: 'More accounts' }).click();
        await expect.poll(ids).toEqual(Array.from({ length: 60 }, (_, n) => `many_${100 + n}`));
        await search('nobody');
        await page.getByText('No account’s id begins with “nobody”.').waitFor();
      });
    });

    it('are changed, and the audit log tells exactly what', async () => {
      await system.createKey('bob', { limits: { requests_per_minute: 60 } });
      await open(async (page) => {
        await goTo(page, '#/accounts/bob', 'bob');
        expect(await page.getByLabel('Tokens a minute').getAttribute('placeholder')).toBe('as the tier: 4,000,000');
        await page.getByLabel('Tier').first().selectOption('free');
        expect(await page.getByLabel('Tokens a minute').getAttribute('placeholder')).toBe('as the tier: 100,000');
        expect(await page.getByLabel('Budget of a day, $').getAttribute('placeholder')).toBe('as the tier: $1.00');
        await page.getByLabel('Budget of a day, $').fill('0.1');
        await page.getByLabel('Requests a minute', { exact: true }).fill('');
        await page.getByRole('button', { name: 'Save' }).click();
        await expect.poll(() => done(page).textContent()).toBe('Saved. In force everywhere within a minute.');
        expect(await account('bob')).toMatchObject({
          tier: 'free',
          limits: { budget_day_nano_usd: 100_000_000, requests_per_minute: null },
        });
        const set = { tier: 'free', limits: { budget_day_nano_usd: 100_000_000, requests_per_minute: null } };
        await expect.poll(() => cellsOf(page, 'Changes, the newest first')).toHaveLength(1);
        const [[, by, under, , what, changes] = []] = await cellsOf(page, 'Changes, the newest first');
        expect([by, under, what, JSON.parse(changes ?? '')]).toEqual(['operator', 'key_operator', 'user update', set]);

        await page.getByRole('button', { name: 'Save' }).click();
        await expect.poll(() => done(page).textContent()).toContain('nothing was changed');

        await page.getByLabel('Active: its keys are accepted').uncheck();
        await page.getByRole('button', { name: 'Save' }).click();
        await expect.poll(() => done(page).textContent()).toContain('none of its keys is accepted');
        expect((await account('bob')).is_active).toBe(false);
        await page.getByText('inactive').waitFor();
      });
    });
  });

  it('creates a key that works, shows it once, rotates it, and revokes it', async () => {
    await system.createKey('cleo', { name: 'cleo-first' });
    await open(
      async (page) => {
        const row = (name: string, state: string) =>
          page.getByRole('row').filter({ hasText: name }).filter({ hasText: state });
        await goTo(page, '#/accounts/cleo', 'cleo');
        await page.getByText('New key').click();
        const form = page.locator('details form');
        await form.getByLabel('Name').fill('laptop');
        await form.getByLabel('Requests a minute').fill('30');
        await form.getByLabel('Expires').fill('2099-01-31T12:30');
        await form.getByLabel('write: requests to models').uncheck();
        await form.getByLabel('privacy: no content').check();
        await form.getByRole('button', { name: 'Create key' }).click();

        const first = await shownOnce(page);
        expect(await status(first)).toBe(200);
        await expect.poll(() => page.getByText('The key “laptop” was created.').count()).toBe(1);
        const cells = await row('laptop', 'active').locator('td').allTextContents();
        expect(cells.slice(3, 7)).toEqual(['read', '30 a minute', '–', 'privacy']);
        expect(cells[7]).toBe('31 Jan 2099, 12:30:00');
        const made = await system.db.prepare("SELECT expires_at FROM api_keys WHERE name = 'laptop'").first();
        expect(made).toEqual({ expires_at: Date.UTC(2099, 0, 31, 17, 30) });
        expect(await page.content()).not.toContain(first);

        await row('laptop', 'active').getByRole('button', { name: 'Rotate laptop' }).click();
        await page.getByLabel('Hours that the old key works on').fill('0.5');
        await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
        const second = await shownOnce(page);
        expect([await status(first), await status(second)]).toEqual([200, 200]);
        const old = await system.db.prepare("SELECT expires_at FROM api_keys WHERE name = 'laptop' ORDER BY id").first<{
          expires_at: number;
        }>();
        expect(((old?.expires_at ?? 0) - Date.now()) / 60_000).toBeCloseTo(30, -1);

        // Asked first: Escape changes nothing, and gives the focus back.
        await expect.poll(() => row('laptop', 'active').count()).toBe(2);
        const revoke = row('laptop', 'active').last().getByRole('button', { name: 'Revoke laptop' });
        await revoke.click();
        await page.getByRole('dialog', { name: 'Revoke “laptop”?' }).waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
        expect(await revoke.evaluate((button) => button === document.activeElement)).toBe(true);
        expect(await status(second)).toBe(200);
        await revoke.click();
        await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
        await expect.poll(() => done(page).textContent()).toContain('was revoked');
        await row('laptop', 'revoked').waitFor();
        expect([await status(first), await status(second)]).toEqual([200, 401]);

        // What was done with it stands in its own log.
        const { id } = (await system.db
          .prepare("SELECT id FROM api_keys WHERE name = 'laptop' AND is_active = 0")
          .first<{ id: string }>()) ?? { id: '' };
        await page.getByRole('combobox', { name: 'Made to' }).selectOption(id);
        await expect
          .poll(async () => (await cellsOf(page, 'Changes, the newest first')).map((cells) => cells[4]))
          .toEqual(['key revoke']);
      },
      { timezoneId: 'America/New_York' },
    );
  });

  it('changes what a key may do, and refuses one that may do nothing', async () => {
    await system.createKey('dora', { name: 'dora-first' });
    await open(async (page) => {
      await goTo(page, '#/accounts/dora', 'dora');
      await page.getByRole('button', { name: 'Change key_dora-first' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('read: models').uncheck();
      await dialog.getByLabel('write: requests').uncheck();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await expect.poll(() => dialog.getByRole('alert').textContent()).toContain('A key needs a permission');
      await dialog.getByLabel('read: models').check();
      await dialog.getByLabel('Name').fill('renamed');
      await dialog.getByLabel('Tier').selectOption('free');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await expect.poll(() => done(page).textContent()).toContain('“renamed” was changed');
      const key = await system.db
        .prepare("SELECT name, permissions, tier, rate_limit FROM api_keys WHERE id = 'key_dora-first'")
        .first();
      expect(key).toEqual({ name: 'renamed', permissions: '["read"]', tier: 'free', rate_limit: null });
    });
  });

  it('changes of a key what was changed in the form, and leaves the rest as somebody else made it meanwhile', async () => {
    await system.createKey('eve', { name: 'eve-first' });
    const expiresAt = Date.UTC(2099, 0, 31, 12, 30, 45);
    const set = 'UPDATE api_keys SET expires_at = ?1, rate_limit = ?2 WHERE id = ?3';
    await system.db.prepare(set).bind(expiresAt, 5, 'key_eve-first').run();
    const key = () =>
      system.db.prepare("SELECT name, expires_at, rate_limit FROM api_keys WHERE id = 'key_eve-first'").first();
    await open(async (page) => {
      await goTo(page, '#/accounts/eve', 'eve');
      await page.getByRole('button', { name: 'Change key_eve-first' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('renamed');
      // As a rotation in another place ends it.
      await system.db
        .prepare(set)
        .bind(expiresAt - 1_000, 6, 'key_eve-first')
        .run();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await expect.poll(() => done(page).textContent()).toContain('“renamed” was changed');
      expect(await key()).toEqual({ name: 'renamed', expires_at: expiresAt - 1_000, rate_limit: 6 });
      const log = 'SELECT changes FROM audit_log WHERE target = ?1';
      expect(await system.db.prepare(log).bind('key_eve-first').first('changes')).toBe('{"name":"renamed"}');

      await page.getByRole('button', { name: 'Change renamed' }).click();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await expect.poll(() => done(page).textContent()).toContain('nothing was changed');
    });
  });

  it('does not lose a new key to one press of Escape', async () => {
    await system.createKey('finn');
    await open(async (page) => {
      await goTo(page, '#/accounts/finn', 'finn');
      await page.getByText('New key').click();
      await page.locator('details form').getByLabel('Name').fill('laptop');
      await page.locator('details form').getByLabel('Name').press('Enter');
      const dialog = page.getByRole('dialog');
      await dialog.getByText('It is shown only now.').waitFor();
      await page.keyboard.press('Escape');
      await dialog.getByText('Escape once more, and it is gone.').waitFor();
      const key = (await dialog.locator('.secret').textContent()) ?? '';
      expect(await status(key)).toBe(200);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      expect(await page.content()).not.toContain(key);
    });
  });

  it('leads a key that may not read to no usage', async () => {
    const key = await system.createKey('operator', { name: 'only-admin', permissions: ['admin'] });
    await visitDashboard(browser, { origin: system.origin, key }, async (page) => {
      await goTo(page, '#/accounts/operator', 'operator');
      expect(
        await page
          .getByRole('main')
          .getByRole('link', { name: /Usage|Requests/ })
          .count(),
      ).toBe(0);
    });
  });

  /** Reads the key in the dialog that is open, copies it, and closes that. */
  async function shownOnce(page: Page): Promise<string> {
    const dialog = page.getByRole('dialog');
    await dialog.getByText('It is shown only now.').waitFor();
    const key = (await dialog.locator('.secret').textContent()) ?? '';
    expect(key).toMatch(/^sk-wm-\w{20,}$/);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await dialog.getByRole('button', { name: 'Copy' }).click();
    await dialog.getByText('It was copied.').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
    expect(page.url()).not.toContain(key);
    expect(await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]))).not.toContain(key);
    await dialog.getByRole('button', { name: 'I have it' }).click();
    await dialog.waitFor({ state: 'detached' });
    await settled(page);
    return key;
  }
});
