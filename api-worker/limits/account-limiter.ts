import { DurableObject } from 'cloudflare:workers';
import { admit, type Verdict, type Window } from './sliding-window.ts';

/**
 * One object an account: the only place that counts its requests, so that no number of isolates
 * admits more than the limit. The window is kept in storage; an object that was evicted and comes
 * back knows what it had admitted.
 */
export class AccountLimiter extends DurableObject<ApiBindings> {
  #window: Window;

  constructor(ctx: DurableObjectState, env: ApiBindings) {
    super(ctx, env);
    this.#window = ctx.storage.kv.get<Window>('requests') ?? { startedAt: 0, current: 0, previous: 0 };
  }

  /** Counts one request against `limit` requests a minute and says whether it may go on. */
  admit(limit: number): Verdict {
    const verdict = admit(this.#window, limit, Date.now());
    if (verdict.admitted) {
      this.#window = verdict.window;
      this.ctx.storage.kv.put('requests', this.#window);
    }
    return verdict;
  }
}
