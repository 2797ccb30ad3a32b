/** Why something could not be had, as it is told: what the API refused in its own words, or that it cannot be reached. */
export class ApiProblem extends Error {}

export type Query = Record<string, string | number | null | undefined>;

/** What keys and tokens are made of, and what a header can carry. */
const CREDENTIAL = /^[\x21-\x7e]+$/;
/** Of a CSV: 10,000 requests at most. */
const PAGES_MAX = 100;
/** By then every browser has read what it is to save; some do so only after the click. */
const SAVED_AFTER_MS = 60_000;

/** The API that this page came from, under one key. Paths are the API's own; what is null in a query is left out. */
export class Api {
  readonly #key: string;
  readonly #onRefused: (problem: ApiProblem) => void;
  readonly #closed = new AbortController();

  /**
   * @param onRefused is told when the key is not accepted (any more).
   * @throws ApiProblem for what can be no key.
   */
  constructor(key: string, onRefused: (problem: ApiProblem) => void = () => {}) {
    if (!CREDENTIAL.test(key))
      throw new ApiProblem('This is no API key: it has spaces, or characters that no key has.');
    this.#key = key;
    this.#onRefused = onRefused;
  }

  /** Nothing more is asked under the key, nor is heard what comes of what was. */
  close(): void {
    this.#closed.abort();
  }

  /** @throws ApiProblem */
  get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    return this.#ask('GET', path + searchOf(query), jsonOf<T>, { ...(signal && { signal }) });
  }

  /** @throws ApiProblem */
  send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<T> {
    const content = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return this.#ask(method, path, jsonOf<T>, content);
  }

  /**
   * Has the browser save what the API answers as CSV, page after page as its `Link` leads.
   *
   * @returns whether that is all of it.
   * @throws ApiProblem; then nothing is saved.
   */
  async download(path: string, query: Query, name: string): Promise<boolean> {
    const parts: string[] = [];
    let next: string | null = path + searchOf({ ...query, format: 'csv' });
    while (next !== null && parts.length < PAGES_MAX) {
      const page: CsvPage = await this.#ask('GET', next, csvOf);
      // Each begins with the line of its columns.
      parts.push(parts.length === 0 ? page.text : page.text.slice(page.text.indexOf('\r\n') + 2));
      next = page.next;
    }
    save(new Blob(parts, { type: 'text/csv' }), name);
    return next === null;
  }

  async #ask<T>(
    method: string,
    url: string,
    read: (response: Response) => Promise<T>,
    init: RequestInit = {},
  ): Promise<T> {
    const headers = { ...init.headers, authorization: `Bearer ${this.#key}` };
    const signal = AbortSignal.any([this.#closed.signal, ...(init.signal ? [init.signal] : [])]);
    const response = await reach(url, { ...init, method, headers, signal });
    if (response.ok) return await whole(response, read, signal);
    const problem = await problemOf(response);
    signal.throwIfAborted();
    if (response.status === 401) {
      this.close();
      this.#onRefused(problem);
    }
    throw problem;
  }
}

/**
 * What the API answers to anybody, whatever the status: some answers tell as much with 503.
 *
 * @throws ApiProblem
 */
export async function getPublic<T extends object>(path: string, signal: AbortSignal): Promise<T> {
  const body = await whole(await reach(path, { signal }), jsonOf<T | Refusal>, signal);
  if ('error' in body) throw new ApiProblem(body.error.message);
  return body;
}

async function reach(url: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
  try {
    return await fetch(url, { ...init, cache: 'no-store', credentials: 'omit' });
  } catch (cause) {
    init.signal.throwIfAborted();
    throw new ApiProblem('The API cannot be reached. Is the connection up?', { cause });
  }
}

async function whole<T>(response: Response, read: (response: Response) => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await read(response);
  } catch (cause) {
    signal.throwIfAborted();
    throw new ApiProblem('The API’s answer broke off, or is not its own.', { cause });
  }
}

function jsonOf<T>(response: Response): Promise<T> {
  return response.json() as Promise<T>;
}

interface CsvPage {
  text: string;
  /** Where the next one is; null: there is none. */
  next: string | null;
}

async function csvOf(response: Response): Promise<CsvPage> {
  const next = /<([^>]*)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1] ?? null;
  return { text: await response.text(), next };
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), SAVED_AFTER_MS);
}

function searchOf(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === null || value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** OpenAI's envelope, as far as it is told. */
interface Refusal {
  error: { message: string };
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const body = (await response.json().catch(() => null)) as Partial<Refusal> | null;
  return new ApiProblem(body?.error?.message ?? `The API answered ${response.status}.`);
}
