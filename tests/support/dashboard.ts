import type { Browser, Page } from 'playwright-core';
import { visit } from './browser.ts';

/** What Chromium writes when a request is refused, which some tests bring about. */
export const REFUSED = /Failed to load resource/;

type Options = Omit<Parameters<typeof visit>[1], 'origins'>;

/** Somebody who visits the dashboard. */
interface Visitor extends Options {
  /** Of the API worker, which is all that the page may speak to. */
  origin: string;
  /** To sign in with; without it the page asks for one. */
  key?: string;
}

/** Opens the dashboard, as in {@link visit}, in UTC: whatever its policy keeps it from doing fails the test, too. */
export function visitDashboard(
  browser: Browser,
  { origin, key, ...options }: Visitor,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  return visit(browser, { timezoneId: 'UTC', ...options, origins: [origin] }, async (page) => {
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        console.error(`The policy forbids it: ${violatedDirective} ${blockedURI}`),
      );
    });
    await page.goto(`${origin}/dashboard`);
    if (key !== undefined) {
      await signIn(page, key);
      await page.getByRole('navigation').waitFor();
    }
    await use(page);
  });
}

/** Gives a key to the page that asks for one. */
export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Goes to a place by its fragment, and waits until it is shown whole. */
export async function goTo(page: Page, hash: string, heading: string): Promise<void> {
  await page.goto(new URL(hash, page.url()).href);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  await settled(page);
}

/**
 * Goes to a place by its fragment.
 *
 * @returns what a part of the page says of itself as soon as that is followed, before anything can have been read:
 *   whether it is busy, and its text.
 */
export function atOnce(page: Page, hash: string, part: string): Promise<{ busy: string | null; text: string | null }> {
  return page.evaluate(
    async ([hash, part]) => {
      const followed = new Promise((resolve) => addEventListener('hashchange', resolve, { once: true }));
      location.hash = hash;
      await followed;
      const shown = document.querySelector(part);
      return { busy: shown?.closest('[aria-busy]')?.ariaBusy ?? null, text: shown?.textContent ?? null };
    },
    [hash, part] as const,
  );
}

/** Resolves when the page shows what its fragment asks for, and reads nothing any more. */
export async function settled(page: Page): Promise<void> {
  const unsettled = await page.evaluate(async (withinMs) => {
    const unsettled = () => {
      // Of each place the shell shows this link to itself; who is not signed in is at none.
      const shown = document.querySelector('a.skip')?.getAttribute('href');
      const asked = location.hash || '#/';
      if (shown !== undefined && shown !== asked) return `still ${shown} instead of ${asked}`;
      if (document.querySelector('[aria-busy="true"]')) return 'still busy';
      return [...document.querySelectorAll('output')].find(({ value }) => /^Reading .* …$/.test(value))?.value ?? null;
    };
    for (const deadline = Date.now() + withinMs; unsettled() && Date.now() < deadline; ) {
      await new Promise(requestAnimationFrame);
    }
    return unsettled();
  }, 30_000);
  if (unsettled !== null) throw new Error(`The page did not settle: ${unsettled}`);
}

/** The cells of a table by its caption, row by row, without its head. */
export function cellsOf(page: Page, caption: string): Promise<string[][]> {
  return page
    .getByRole('table', { name: caption, exact: true })
    .locator('tbody tr')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
}

/** The value of a fact by its name, as in a list of names and values. */
export async function factOf(page: Page, name: string): Promise<string | null> {
  return page
    .locator('dt', { hasText: new RegExp(`^${name}$`) })
    .locator('xpath=following-sibling::dd[1]')
    .textContent();
}
