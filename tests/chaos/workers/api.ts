import worker, { IdempotentAnswer } from '../../../api-worker/index.ts';
import * as limiter from '../../../api-worker/limits/account-limiter.ts';
import { Faults } from './faults.ts';

export { IdempotentAnswer };

interface Chaos {
  CHAOS_SEED: string;
  CONSUMER: Fetcher;
}

/** Longer than the API worker waits for it. */
const LATE_MS = 3_500;

let faults: Faults | null = null;

function suffering<E extends ApiBindings>(env: E): E {
  faults ??= new Faults(Number((env as unknown as Chaos).CHAOS_SEED));
  return {
    ...env,
    USAGE_QUEUE: faults.queue(env.USAGE_QUEUE),
    ANALYTICS_QUEUE: faults.queue(env.ANALYTICS_QUEUE),
  };
}

/** Only what is written after the answer fails: before it, a database that is away is a plain 503. */
function sufferingLedger<E extends ApiBindings>(env: E): E {
  const { DB } = env;
  const failing = faults?.database(DB) ?? DB;
  const db = new Proxy(DB, {
    get: (target, name) => {
      if (name === 'batch') return failing.batch.bind(failing);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...env, DB: db };
}

/** Some of its answers come too late to be waited for. */
export class AccountLimiter extends limiter.AccountLimiter {
  constructor(ctx: DurableObjectState, env: ApiBindings) {
    super(ctx, suffering(env));
  }

  override admit(...ask: Parameters<limiter.AccountLimiter['admit']>) {
    const verdict = super.admit(...ask);
    if (!faults?.hits('limiter_late', 0.002)) return verdict;
    return scheduler.wait(LATE_MS).then(() => verdict) as never;
  }
}

/** The API worker among failing queues and a failing database. `/chaos/cron?cron=…` runs a cron of the consumer. */
export default {
  fetch(request: Request, env: ApiBindings & Chaos, ctx: ExecutionContext) {
    const { pathname } = new URL(request.url);
    if (pathname === '/chaos/cron') return env.CONSUMER.fetch(request);
    // Operators try again themselves.
    const calm = !pathname.startsWith('/v1/');
    return worker.fetch(request as never, calm ? env : sufferingLedger(suffering(env)), ctx);
  },
};
