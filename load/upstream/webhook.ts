/** A receiver of webhooks, such as Slack's: keeps what it is sent. */
export class Webhook {
  /** As parsed, in the order in which they came. */
  bodies: unknown[] = [];
  #failures = { status: 500, times: 0 };

  /** Makes the next `times` calls fail with `status`. */
  failNext(status: number, times: number): void {
    this.#failures = { status, times };
  }

  /** Takes a call and returns the HTTP status. */
  receive(body: Buffer): number {
    if (this.#failures.times > 0) {
      this.#failures.times -= 1;
      return this.#failures.status;
    }
    this.bodies.push(JSON.parse(body.toString()));
    return 200;
  }
}
