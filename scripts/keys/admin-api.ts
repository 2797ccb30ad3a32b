import { LOCAL_KEY } from '../local-state.ts';
import type { Shown } from './table.ts';

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

  /** @throws Error with the API's own message. */
  async send(method: string, path: string, body?: object): Promise<Shown> {
    const { status, json } = await this.#call(method, path, body);
    if (status >= 400) throw new Error(messageOf(json, status));
    return json as Shown;
  }

  /** What a path names; null if there is nothing. */
  async find(path: string): Promise<Shown | null> {
    const { status, json } = await this.#call('GET', path);
    if (status === 404) return null;
    if (status >= 400) throw new Error(messageOf(json, status));
    return json as Shown;
  }

  /** All entries of a list, page after page. */
  async all(path: string): Promise<Shown[]> {
    const entries: Shown[] = [];
    for (let after = ''; ; ) {
      const page = (await this.send('GET', `${path}&limit=100&after=${encodeURIComponent(after)}`)) as unknown as {
        data: Shown[];
        last_id: string | null;
        has_more: boolean;
      };
      entries.push(...page.data);
      if (!page.has_more || page.last_id === null) return entries;
      after = page.last_id;
    }
  }

  async #call(method: string, path: string, body?: object): Promise<{ status: number; json: unknown }> {
    let response: Response;
    try {
      response = await fetch(new URL(path, this.#url), {
        method,
        headers: { authorization: `Bearer ${this.#key}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
    } catch {
      throw new Error(`Nothing answers at ${this.#url.origin}. Is it running (npm start), or is it elsewhere (--url)?`);
    }
    return { status: response.status, json: await response.json().catch(() => null) };
  }
}

function messageOf(json: unknown, status: number): string {
  const message = (json as { error?: { message?: unknown } } | null)?.error?.message;
  return typeof message === 'string' ? message : `The system answered ${status}.`;
}
