import { app } from './app.ts';
import type { Env } from './env.ts';

export { IdempotentAnswer } from './idempotency/idempotent-answer.ts';
export { AccountLimiter } from './limits/account-limiter.ts';

export default { fetch: app.fetch } satisfies ExportedHandler<Env>;
