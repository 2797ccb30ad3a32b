/** What the API refused, in its own words. */
export class ApiProblem extends Error {
  readonly status: number;
  /** OpenAI's `code`, such as `invalid_api_key`. */
  readonly code: string | null;

  constructor(status: number, message: string, code: string | null) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export type Query = Record<string, string | number | null | undefined>;

/** The API that this page came from, under one key. Paths are the API's own; what is null in a query is left out. */
export class Api {
  readonly #key: string;
  readonly #onRefused: (problem: ApiProblem) => void;

  /** @param onRefused is told when the key is not accepted (any more). */
  constructor(key: string, onRefused: (problem: ApiProblem) => void = () => {}) {
    this.#key = key;
    this.#onRefused = onRefused;
  }

  /** @throws ApiProblem */
  async get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    const response = await this.#ask('GET', path + searchOf(query), { ...(signal && { signal }) });
    return response.json() as Promise<T>;
  }

  /** @throws ApiProblem */
  async send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<T> {
    const response = await this.#ask(
      method,
      path,
      body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
    );
    return response.json() as Promise<T>;
  }

  /**
   * Has the browser save what the API answers as CSV.
   *
   * @throws ApiProblem
   */
  async download(path: string, query: Query, name: string): Promise<void> {
    const response = await this.#ask('GET', path + searchOf({ ...query, format: 'csv' }));
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  async #ask(method: string, url: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...init.headers, authorization: `Bearer ${this.#key}` };
    const response = await fetch(url, { ...init, method, headers, cache: 'no-store', credentials: 'omit' }).catch(
      (cause: unknown) => {
        if (init.signal?.aborted) throw cause;
        throw new ApiProblem(0, 'The API cannot be reached. Is the connection up?', null);
      },
    );
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401) this.#onRefused(problem);
    throw problem;
  }
}

function searchOf(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === null || value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const body = (await response.json().catch(() => null)) as {
    error?: { message?: string; code?: string | null };
  } | null;
  const message = body?.error?.message ?? `The API answered ${response.status}.`;
  return new ApiProblem(response.status, message, body?.error?.code ?? null);
}
