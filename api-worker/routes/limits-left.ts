import { nanoToUsd } from '../../shared/money.ts';
import type { AppContext } from '../env.ts';
import { readStanding } from '../limits/admission.ts';
import type { Standing, Totals } from '../limits/books.ts';
import { periodOf } from '../limits/periods.ts';

/** What the caller's limits leave and when they begin anew; null: its limiter cannot be reached. */
export async function limitsLeft(c: AppContext) {
  const { limits } = c.var.principal;
  const standing = await readStanding(c).catch(() => null);
  if (!standing) return null;
  c.set('rates', standing);
  const now = Date.now();
  const [day, month] = [periodOf('day', now), periodOf('month', now)];
  const { used, reserved } = standing.month;
  return {
    requests_per_minute: rate(standing.requests, now),
    tokens_per_minute: standing.tokens && rate(standing.tokens, now),
    concurrent_requests: { limit: limits.concurrent_requests, in_progress: standing.concurrent_requests },
    requests_per_month: quota(limits.requests_per_month, used.requests + reserved.requests, month.to),
    tokens_per_month: quota(limits.tokens_per_month, used.tokens + reserved.tokens, month.to),
    budget_day: budget(limits.budget_day_nano_usd, standing.day, day.to),
    budget_month: budget(limits.budget_month_nano_usd, standing.month, month.to),
  };
}

function rate({ limit, remaining, resetMs }: Standing, now: number) {
  return { limit, remaining, resets_at: iso(now + resetMs) };
}

function quota(limit: number | null, used: number, end: number) {
  return { limit, used, remaining: limit === null ? null : Math.max(0, limit - used), resets_at: iso(end) };
}

/** Dollars as exact decimal strings: used for sure, held for requests whose cost is not known, reserved by open ones. */
function budget(limit: number | null, { used, held_requests, held_nano_usd, reserved }: Totals, end: number) {
  const gone = used.cost_nano_usd + held_nano_usd + reserved.cost_nano_usd;
  return {
    limit_usd: limit === null ? null : nanoToUsd(limit),
    used_usd: nanoToUsd(used.cost_nano_usd),
    held_usd: nanoToUsd(held_nano_usd),
    held_requests,
    reserved_usd: nanoToUsd(reserved.cost_nano_usd),
    remaining_usd: limit === null ? null : nanoToUsd(Math.max(0, limit - gone)),
    resets_at: iso(end),
  };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
