import { count, time } from '../format.ts';
import { Head } from '../parts/head.tsx';
import { Meter } from '../parts/meter.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { useSession } from '../session.ts';
import type { Limits, Usage } from '../types.ts';
import { useLoad } from '../use-load.ts';
import { Budgets } from './budgets.tsx';

/** The account's limits, and what they leave. */
export function LimitsPage() {
  const { api, me } = useSession();
  const { data, error, loading, reload } = useLoad((signal) => api.get<Usage>('/usage', {}, signal), []);
  return (
    <>
      <Head title="Limits" onRefresh={reload} />
      <Problem error={error} onRetry={reload} />
      {!data && !error && <Waiting what="limits" />}
      {data && !data.limits && <p class="notice">The account’s limiter cannot be reached at the moment.</p>}
      {data?.limits && (
        <div class="stack" aria-busy={loading}>
          <Budgets limits={data.limits} />
          <section class="card meters" aria-label="Rates and quotas">
            {rowsOf(data.limits, me.rate_limit).map(({ label, limit, used, note }) => (
              <Meter
                key={label}
                label={label}
                used={used}
                limit={limit}
                text={limit === null ? 'no limit' : `${count(Math.max(0, limit - used))} of ${count(limit)} left`}
                note={note}
              />
            ))}
          </section>
        </div>
      )}
    </>
  );
}

function rowsOf(limits: Limits, ownRate: number | null) {
  const { requests_per_minute, tokens_per_minute, concurrent_requests, requests_per_month, tokens_per_month } = limits;
  const rate = ({ limit, remaining }: Limits['requests_per_minute']) =>
    limit === null || remaining === null ? 0 : limit - remaining;
  const monthly = ({ used, resets_at }: Limits['requests_per_month']) =>
    `${count(used)} used · anew ${time(resets_at)}`;
  return [
    {
      label: ownRate === null ? 'Requests a minute' : 'Requests a minute, of this key alone',
      limit: requests_per_minute.limit,
      used: rate(requests_per_minute),
      note: `all of it by ${time(requests_per_minute.resets_at)}`,
    },
    {
      label: 'Tokens a minute',
      limit: tokens_per_minute?.limit ?? null,
      used: tokens_per_minute ? rate(tokens_per_minute) : 0,
      note: tokens_per_minute ? `all of it by ${time(tokens_per_minute.resets_at)}` : '',
    },
    {
      label: 'Requests at once',
      limit: concurrent_requests.limit,
      used: concurrent_requests.in_progress,
      note: `${count(concurrent_requests.in_progress)} in progress`,
    },
    {
      label: 'Requests this month',
      limit: requests_per_month.limit,
      used: requests_per_month.used,
      note: monthly(requests_per_month),
    },
    {
      label: 'Tokens this month',
      limit: tokens_per_month.limit,
      used: tokens_per_month.used,
      note: monthly(tokens_per_month),
    },
  ];
}
