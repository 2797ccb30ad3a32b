import * as answers from '../../../api-worker/idempotency/idempotent-answer.ts';
import worker from '../../../api-worker/index.ts';
import * as limiter from '../../../api-worker/limits/account-limiter.ts';
import {
  count,
  countedD1,
  countedKv,
  countedQueue,
  countedStorage,
  countFetches,
  countLogs,
  countRequests,
  takeCounts,
} from './counting.ts';

function counted<E extends ApiBindings>(env: E): E {
  return {
    ...env,
    CACHE: countedKv(env.CACHE),
    DB: countedD1(env.DB),
    USAGE_QUEUE: countedQueue(env.USAGE_QUEUE),
    ANALYTICS_QUEUE: countedQueue(env.ANALYTICS_QUEUE),
    RECONCILE_QUEUE: countedQueue(env.RECONCILE_QUEUE),
  };
}

countFetches();
countLogs();
countRequests(limiter.AccountLimiter.prototype);
countRequests(answers.IdempotentAnswer.prototype);

/** The account's limiter, counted. */
export class AccountLimiter extends limiter.AccountLimiter {
  constructor(ctx: DurableObjectState, env: ApiBindings) {
    super(countedStorage(ctx), counted(env));
  }
}

/** The answers to idempotency keys, counted. */
export class IdempotentAnswer extends answers.IdempotentAnswer {
  constructor(ctx: DurableObjectState, env: ApiBindings) {
    super(countedStorage(ctx), counted(env));
  }
}

/**
 * The API worker with all that it does to its bindings counted. `/counts` takes the counts, `/clock?forward_ms=…` stops
 * its clock, or sets the stopped one forward, `/consumer/…` is answered by the consumer.
 */
export default {
  fetch(request: Request, env: ApiBindings & { CONSUMER: Fetcher }, ctx: ExecutionContext) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/counts') return Response.json(takeCounts());
    if (pathname.startsWith('/consumer/')) return env.CONSUMER.fetch(request);
    if (pathname === '/clock') {
      const at = Date.now() + Number(searchParams.get('forward_ms'));
      Date.now = () => at;
      return new Response(null);
    }
    count('worker_requests');
    return worker.fetch(request as never, counted(env), ctx);
  },
};
