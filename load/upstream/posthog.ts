import { gunzipSync } from 'node:zlib';

/** PostHog's ingestion, as far as its clients see it: `/batch/`, plain or gzipped. */
export class PostHogAccount {
  events: unknown[] = [];
  #failures = { status: 500, times: 0 };

  /** Makes the next `times` batches fail with `status`. */
  failNext(status: number, times: number): void {
    this.#failures = { status, times };
  }

  /** Takes a batch and returns the HTTP status. */
  ingest(body: Buffer): number {
    if (this.#failures.times > 0) {
      this.#failures.times -= 1;
      return this.#failures.status;
    }
    const json = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
    const { batch } = JSON.parse(json.toString()) as { batch?: unknown[] };
    if (!Array.isArray(batch)) return 400;
    this.events.push(...batch);
    return 200;
  }
}
