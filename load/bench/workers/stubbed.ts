import worker from '../../../api-worker/index.ts';

export { AccountLimiter, IdempotentAnswer } from '../../../api-worker/index.ts';

const RATES = { requests: { limit: 1_000_000, remaining: 999_999, resetMs: 1 }, tokens: null };

/** Answers as an account's limiter does that has room, without a Durable Object behind it. */
const LIMITER = {
  admit: async () => ({ ...RATES, refusal: null, cacheGeneration: 0 }),
  settle: async () => true,
  renew: async () => true,
};

const QUEUE = { send: async () => undefined };

/** The API worker with what it calls in Cloudflare's network taken out: what is left is its own work and the relay. */
export default {
  fetch(request, env, ctx) {
    const stubbed = {
      ...env,
      ACCOUNT_LIMITER: { getByName: () => LIMITER },
      USAGE_QUEUE: QUEUE,
      ANALYTICS_QUEUE: QUEUE,
    } as unknown as ApiBindings;
    return worker.fetch(request, stubbed, ctx);
  },
} satisfies ExportedHandler<ApiBindings>;
