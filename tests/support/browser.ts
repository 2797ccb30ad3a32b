import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, type ConsoleMessage, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Chromium's path: from the environment's CHROMIUM, or one of its names on PATH. Null if it is not there, which is said. */
export const CHROMIUM = findChromium();

function findChromium(): string | null {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  if (!found) console.log(`Skipped: there is no Chromium (${NAMES.join(', ')}, or the path in CHROMIUM).`);
  return found ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts it, headless. No name is resolved but this machine's: nothing that a page does leaves it.
 *
 * @throws Error if there is none: tests of pages are in `describe.skipIf(!CHROMIUM)`.
 */
export function launchBrowser(): Promise<Browser> {
  if (!CHROMIUM) throw new Error('There is no Chromium.');
  return chromium.launch({
    executablePath: CHROMIUM,
    // Root has none, nor have many containers; what is visited is our own.
    chromiumSandbox: false,
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
  });
}

/** What a page may do. */
interface Visit extends BrowserContextOptions {
  /** All origins that it may speak to, its own among them. */
  origins: readonly string[];
  /** Errors in its console that the test brings about: of a request that is refused Chromium writes one. */
  expectedErrors?: RegExp;
}

/**
 * Opens a page without cookies, cache or storage of earlier ones, hands it to `use`, and closes it.
 * Requests are watched, not intercepted: interception would answer CORS preflights in the server's stead.
 *
 * @throws whatever `use` throws, and otherwise an Error that lists the page's uncaught exceptions, errors in its
 * console, and requests and web sockets to origins that are not among its `origins`.
 */
export async function visit(
  browser: Browser,
  { origins, expectedErrors, ...options }: Visit,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  const hosts = origins.map((origin) => new URL(origin).host);
  const check = (url: string) => {
    const { protocol, host } = new URL(url);
    if (!['data:', 'blob:'].includes(protocol) && !hosts.includes(host)) complaints.push(`request to ${url}`);
  };
  try {
    const page = await context.newPage();
    context.on('request', (request) => check(request.url()));
    page.on('websocket', (socket) => check(socket.url()));
    page.on('pageerror', (error) => complaints.push(`uncaught ${error.stack ?? error.message}`));
    page.on('console', (message: ConsoleMessage) => {
      if (message.type() !== 'error' || expectedErrors?.test(message.text())) return;
      complaints.push(`console: ${message.text()} (${message.location().url})`);
    });
    await use(page);
  } catch (error) {
    if (complaints.length > 0) console.log(`The page had: ${complaints.join('\n')}`);
    throw error;
  } finally {
    await context.close();
  }
  if (complaints.length > 0) throw new Error(`The page had: ${complaints.join('\n')}`);
}
