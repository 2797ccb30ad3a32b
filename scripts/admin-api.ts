import { setTimeout as wait } from 'node:timers/promises';
import { LOCAL_KEY } from './local-state.ts';

/** Where `npm start` answers. */
const LOCAL_URL = 'http://127.0.0.1:8787';

/** For one call, until its account's rate lets it pass, or what it needs is back. */
const WAITS_MAX = 5;

/** POSTs that come to the same when they are made again: whether one that failed was done need not be known. */
const REPEATABLE = /^\/admin\/(?:dead-letters\/(?:replay|discard)|rerate|ledger-archives\/.+\/restore)$/;

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
  #answeredAt = Number.NaN;

  /**
   * @param url as it was given; undefined: none was, and `npm start`'s system is meant.
   * @param key of an admin of the system at `url`; for one on this machine, that of `npm start` if there is none.
   */
  constructor(url: string | undefined, key: string | undefined) {
    const address = url ?? LOCAL_URL;
    if (!URL.canParse(address))
      throw new Error(`--url must be a URL such as https://api.example.com, not '${address}'.`);
    this.#url = new URL(address);
    const local = ['127.0.0.1', 'localhost', '[::1]'].includes(this.#url.hostname);
    if (!key && !local) throw new Error(`Set ADMIN_KEY to a key of ${this.#url.origin} with the permission 'admin'.`);
    if (!local && this.#url.protocol !== 'https:') throw new Error('A key is not sent over plain HTTP: use https://.');
    // Where no --url says whose key it is, it may be that of production, and anything may listen here.
    this.#key = (url !== undefined && key) || LOCAL_KEY;
  }

  /** The system's time at its last answer, Unix ms, rounded up to a second; ours, if it told none. */
  get now(): number {
    return Number.isNaN(this.#answeredAt) ? Date.now() : this.#answeredAt + 1_000;
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

  /** Waits where a long run meets its account's rate, and, if that is safe, where the system lacks something. */
  async #call(method: string, path: string, body?: object): Promise<{ status: number; json: unknown }> {
    const repeatable = method === 'GET' || (method === 'POST' && REPEATABLE.test(path));
    for (let waits = 0; ; waits += 1) {
      const response = await this.#fetch(method, path, body);
      this.#answeredAt = Date.parse(response.headers.get('date') ?? '');
      const passing = response.status === 429 || (response.status === 503 && repeatable);
      const again = passing && response.headers.get('x-should-retry') !== 'false';
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
