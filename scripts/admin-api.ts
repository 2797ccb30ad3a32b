import { setTimeout as wait } from 'node:timers/promises';
import { LOCAL_KEY } from './local-state.ts';

/** For one call, until its account's rate lets it pass. */
const WAITS_MAX = 5;

/** A page of a list, as the Admin API answers. */
export interface Page<Entry> {
  data: Entry[];
  last_id: string | null;
  has_more: boolean;
}

/** The Admin API of one system. */
export class AdminApi {
  readonly #url: URL;
  readonly #key: string;

  /** @param key of an admin; for a system on this machine, that of `npm start` if there is none. */
  constructor(url: string, key: string | undefined) {
    if (!URL.canParse(url)) throw new Error(`--url must be a URL such as https://api.example.com, not '${url}'.`);
    this.#url = new URL(url);
    const local = ['127.0.0.1', 'localhost', '[::1]'].includes(this.#url.hostname);
    if (!key && !local) throw new Error(`Set ADMIN_KEY to a key of ${this.#url.origin} with the permission 'admin'.`);
    if (!local && this.#url.protocol !== 'https:') throw new Error('A key is not sent over plain HTTP: use https://.');
    this.#key = key || LOCAL_KEY;
  }

  /**
   * What the API answers; of which type, the caller knows.
   *
   * @throws Error with the API's own message.
   */
  async send<Answer = unknown>(method: string, path: string, body?: object): Promise<Answer> {
    const { status, json } = await this.#call(method, path, body);
    if (status >= 400) throw new Error(messageOf(json, status));
    return json as Answer;
  }

  /** What a path names; null if there is nothing. */
  async find<Answer = unknown>(path: string): Promise<Answer | null> {
    const { status, json } = await this.#call('GET', path);
    if (status === 404) return null;
    if (status >= 400) throw new Error(messageOf(json, status));
    return json as Answer;
  }

  /**
   * All entries of a list, page after page.
   *
   * @param path with a query, even an empty one: `/admin/keys?`.
   */
  async all<Entry>(path: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (let after = ''; ; ) {
      const page = await this.send<Page<Entry>>('GET', `${path}&limit=100&after=${encodeURIComponent(after)}`);
      entries.push(...page.data);
      if (!page.has_more || page.last_id === null) return entries;
      after = page.last_id;
    }
  }

  /** Waits where a long run meets its account's rate. */
  async #call(method: string, path: string, body?: object): Promise<{ status: number; json: unknown }> {
    for (let waits = 0; ; waits += 1) {
      const response = await this.#fetch(method, path, body);
      const again = response.status === 429 && response.headers.get('x-should-retry') !== 'false';
      if (!again || waits === WAITS_MAX) {
        return { status: response.status, json: await response.json().catch(() => null) };
      }
      await response.body?.cancel();
      await wait(1000 * Math.min(Number(response.headers.get('retry-after') ?? 1), 60));
    }
  }

  async #fetch(method: string, path: string, body?: object): Promise<Response> {
    try {
      return await fetch(new URL(path, this.#url), {
        method,
        headers: { authorization: `Bearer ${this.#key}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
    } catch {
      throw new Error(`Nothing answers at ${this.#url.origin}. Is it running (npm start), or is it elsewhere (--url)?`);
    }
  }
}

function messageOf(json: unknown, status: number): string {
  const message = (json as { error?: { message?: unknown } } | null)?.error?.message;
  return typeof message === 'string' ? message : `The system answered ${status}.`;
}
