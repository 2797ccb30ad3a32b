import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, launchBrowser, visit } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import {
  EXAMPLE_COMMANDS,
  EXAMPLE_ROW,
  EXAMPLE_WORDS,
  localLedgerRow,
  requestIdsIn,
  startForExamples,
} from '../support/examples.ts';
import { freePort, type LocalSystem } from '../support/start.ts';

const QUESTION = 'Why is the sky blue?';

const log = (page: Page) => page.getByRole('log', { name: 'Conversation' });
const answers = (page: Page) => log(page).getByRole('article', { name: 'Assistant' });
const textOf = (answer: Locator) => answer.getByRole('paragraph').textContent();
const message = (page: Page) => page.getByRole('textbox', { name: 'Message' });
const untilIdle = (page: Page) => page.getByRole('button', { name: 'Send', disabled: false }).waitFor();

async function say(page: Page, text: string): Promise<void> {
  await message(page).fill(text);
  await message(page).press('Enter');
}

/** Makes the simulator's answers last for ten seconds, which no page can ask for by itself. */
async function lengthenAnswers(page: Page): Promise<void> {
  const sim = { gap_ms: 20, chunks: 500 };
  await page.route('**/v1/chat/completions', (route) =>
    route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), sim }) }),
  );
}

/** Notes what the answer's text is in each frame in which it changes. Returns how to read that. */
async function watchAnswer(page: Page): Promise<() => Promise<string[]>> {
  const notes = await log(page).evaluateHandle((element) => {
    const frames = new Map<unknown, string>();
    new MutationObserver(() => {
      const answer = element.querySelector('article[aria-label="Assistant"] p');
      frames.set(document.timeline.currentTime, answer?.textContent ?? '');
    }).observe(element, { subtree: true, childList: true, characterData: true });
    return frames;
  });
  return () => notes.evaluate((frames) => [...frames.values()]);
}

describe.skipIf(!CHROMIUM)('the example pages', () => {
  let system: LocalSystem;
  let browser: Browser;
  let port: number;
  let url: string;
  beforeAll(async () => {
    port = await freePort();
    url = `http://localhost:${port}/`;
    system = await startForExamples({ ALLOWED_ORIGINS: new URL(url).origin });
    browser = await launchBrowser();
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await system.stop();
  });

  /** Opens the page and tells it where to ask; it may speak to the gateway and to whoever served it, nobody else. */
  const open = (fields: Record<string, string>, use: (page: Page) => Promise<void>, expectedErrors?: RegExp) =>
    visit(browser, { origins: [url, system.origin], ...(expectedErrors && { expectedErrors }) }, async (page) => {
      await page.goto(url);
      const all = { 'Base URL': `${system.origin}/v1`, 'API key': system.key, ...fields };
      for (const [label, value] of Object.entries(all)) await page.getByLabel(label).fill(value);
      await use(page);
    });

  describe.each(['react', 'vue'])('of %s', (name) => {
    let server: ViteDevServer;
    let cacheDir: string;
    beforeAll(async () => {
      expect(EXAMPLE_COMMANDS).toContain(`npx vite docs/examples/${name}`);
      cacheDir = await mkdtemp(join(tmpdir(), 'openai-api-vite-'));
      // As that does, but for the port, and for not looking out for changes of the files.
      server = await createServer({
        root: `docs/examples/${name}`,
        cacheDir,
        server: { port, strictPort: true, watch: null },
        logLevel: 'warn',
      });
      await server.listen();
    });
    afterAll(async () => {
      await server.close();
      await rm(cacheDir, { recursive: true });
    });

    it('shows an answer as it comes, then what it took and its id', () =>
      open({}, async (page) => {
        const frames = await watchAnswer(page);
        await say(page, QUESTION);
        const told = (await answers(page).getByText('x-request-id').textContent()) ?? '';
        await untilIdle(page);
        const text = (await textOf(answers(page))) ?? '';
        expect(text.split(' ')).toHaveLength(EXAMPLE_WORDS);
        const pieces = (await frames()).filter((shown) => shown !== '' && shown !== text);
        expect(pieces.length).toBeGreaterThan(EXAMPLE_WORDS / 4);
        for (const shown of pieces) expect(text.startsWith(shown)).toBe(true);
        expect(told).toMatch(/^[1-9]\d* tokens · x-request-id /);
        expect(await localLedgerRow(system, 'request_id', requestIdsIn(told)[0])).toMatchObject(EXAMPLE_ROW);
      }));

    it('brings the conversation along', () =>
      open({}, async (page) => {
        await say(page, QUESTION);
        await answers(page).getByText('x-request-id').waitFor();
        await untilIdle(page);
        await say(page, 'And the sea?');
        await answers(page).nth(1).getByText('x-request-id').waitFor();
        const { messages } = JSON.parse(system.upstream.account.lastBody()) as { messages: { role: string }[] };
        expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
      }));

    it.each([
      ['its button', (page: Page) => page.getByRole('button', { name: 'Stop' }).click()],
      ['Escape', (page: Page) => message(page).press('Escape')],
    ])('stops by %s, and lets the upstream know', (_, stop) =>
      open({}, async (page) => {
        await lengthenAnswers(page);
        const before = system.upstream.account.entries.length;
        await say(page, QUESTION);
        await answers(page).getByText(/\S \S/).waitFor();
        expect(await log(page).getAttribute('aria-busy')).toBe('true');
        await stop(page);
        await untilIdle(page);
        expect(await log(page).getAttribute('aria-busy')).toBe('false');
        expect(await page.getByRole('alert').textContent()).toBe('');
        expect(await textOf(answers(page))).toMatch(/\S \S/);
        await eventually(async () => system.upstream.account.entries[before]?.cancelled || null);
      }),
    );

    it('shows why it was refused', () =>
      open(
        { 'API key': 'sk-nobody' },
        async (page) => {
          await say(page, QUESTION);
          await page.getByRole('alert').getByText('Incorrect API key provided.').waitFor();
          await untilIdle(page);
        },
        // Chromium writes the first, the AI SDK the second.
        /status of 401|Incorrect API key provided/,
      ));

    it('shows that an answer broke off, and what there is of it', () =>
      open(
        { Model: 'sim/die-mid-stream' },
        async (page) => {
          await say(page, QUESTION);
          await page.getByRole('alert').getByText('The model broke off its answer. Please try again.').waitFor();
          expect(await textOf(answers(page))).toMatch(/\S \S/);
        },
        /The model broke off its answer/,
      ));

    it('begins a line by Shift+Enter, and sends nothing that is empty', () =>
      open({}, async (page) => {
        await message(page).press('Enter');
        await message(page).pressSequentially('one');
        await message(page).press('Shift+Enter');
        await message(page).pressSequentially('two');
        expect(await message(page).inputValue()).toBe('one\ntwo');
        expect(await log(page).textContent()).toBe('');
      }));

    it('keeps the key out of URLs and storage', () =>
      open({}, async (page) => {
        const urls: string[] = [];
        page.on('request', (request) => urls.push(request.url()));
        await say(page, QUESTION);
        await answers(page).getByText('x-request-id').waitFor();
        expect(urls).toEqual([`${system.origin}/v1/chat/completions`]);
        expect(page.url()).toBe(url);
        const kept = await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
        expect(kept).toBe(0);
      }));

    it('is light or dark as the system is', async () => {
      const grounds = new Set<string>();
      for (const colorScheme of ['light', 'dark'] as const) {
        await visit(browser, { origins: [url], colorScheme }, async (page) => {
          await page.goto(url);
          await message(page).waitFor();
          grounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
        });
      }
      expect(grounds.size).toBe(2);
    });
  });
});
