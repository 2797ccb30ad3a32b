import { gunzipSync } from 'node:zlib';

/** What PostHog takes: https://posthog.com/docs/api/capture. */
const BATCH_MAX_BYTES = 20_000_000;
const EVENT_MAX_BYTES = 1_000_000;

/** How it is to fail. */
export interface PostHogFault {
  /** Of every batch; 0: the connection is cut. */
  status?: number;
  /** So many batches succeed before. */
  after?: number;
  /** For so many batches, or for so long, milliseconds; without both until told otherwise. */
  times?: number;
  for_ms?: number;
  /** Batches in which this text occurs are answered with 400. */
  refuse?: string;
}

/** PostHog's ingestion, as far as its clients see it: `/batch/`, plain or gzipped. */
export class PostHogAccount {
  events: unknown[] = [];
  /** The status of every batch, in order. */
  statuses: number[] = [];
  #failing: { status: number; after: number; times: number; until: number } | null = null;
  #refused: string | null = null;

  /** How many batches it would not take. */
  get refused(): number {
    return this.statuses.filter((status) => status !== 200).length;
  }

  /** Makes the next `times` batches fail with `status`. */
  failNext(status: number, times: number): void {
    this.fail({ status, times });
  }

  /** Makes it fail; null: no longer. */
  fail(fault: PostHogFault | null): void {
    const { status, after = 0, times = Number.POSITIVE_INFINITY, for_ms, refuse } = fault ?? {};
    const until = for_ms === undefined ? Number.POSITIVE_INFINITY : Date.now() + for_ms;
    this.#failing = status === undefined ? null : { status, after, times, until };
    this.#refused = refuse ?? null;
  }

  /** Forgets everything, and works. */
  clear(): void {
    this.events = [];
    this.statuses = [];
    this.fail(null);
  }

  /** Takes a batch and returns the HTTP status; 0: the connection is to be cut. */
  ingest(body: Buffer): number {
    const status = this.#failure() ?? this.#take(body);
    this.statuses.push(status);
    return status;
  }

  #failure(): number | null {
    const failing = this.#failing;
    if (!failing || failing.times <= 0 || Date.now() >= failing.until) return null;
    if (failing.after > 0) {
      failing.after -= 1;
      return null;
    }
    failing.times -= 1;
    return failing.status;
  }

  #take(body: Buffer): number {
    const json = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
    if (json.length > BATCH_MAX_BYTES) return 413;
    const text = json.toString();
    const { api_key, batch } = JSON.parse(text) as { api_key?: unknown; batch?: unknown[] };
    if (typeof api_key !== 'string' || api_key === '') return 401;
    if (!Array.isArray(batch)) return 400;
    if (this.#refused !== null && text.includes(this.#refused)) return 400;
    if (batch.some((event) => Buffer.byteLength(JSON.stringify(event)) > EVENT_MAX_BYTES)) return 413;
    this.events.push(...batch);
    return 200;
  }
}
