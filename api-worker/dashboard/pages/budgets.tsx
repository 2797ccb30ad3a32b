import { several, time, writtenUsd } from '../format.ts';
import { Meter } from '../parts/meter.tsx';
import type { Limits } from '../types.ts';

interface Props {
  /** Null: another account's, or its limiter cannot be reached. */
  limits: Limits | null;
  /** Whether only budgets that are set are of interest. */
  onlySet?: boolean;
}

/** What the budgets leave. */
export function Budgets({ limits, onlySet = false }: Props) {
  if (!limits) return null;
  const budgets = [
    ['Budget of the day', limits.budget_day],
    ['Budget of the month', limits.budget_month],
  ] as const;
  const shown = budgets.filter(([, { limit_usd }]) => !onlySet || limit_usd !== null);
  if (shown.length === 0) return null;
  return (
    <section class="card meters" aria-label="Budgets">
      {shown.map(
        ([label, { limit_usd, used_usd, held_usd, held_requests, reserved_usd, remaining_usd, resets_at }]) => {
          const pending = Number(held_usd) + Number(reserved_usd);
          const notes = [
            ...(Number(reserved_usd) > 0 ? [`${writtenUsd(reserved_usd)} reserved by requests in progress`] : []),
            ...(held_requests > 0
              ? [`${writtenUsd(held_usd)} held for ${several(held_requests, 'request')} whose cost is not known yet`]
              : []),
            `anew ${time(resets_at)}`,
          ];
          return (
            <Meter
              key={label}
              label={label}
              used={Number(used_usd) + pending}
              pending={pending}
              limit={limit_usd === null ? null : Number(limit_usd)}
              text={
                limit_usd === null
                  ? `${writtenUsd(used_usd)} used, no limit`
                  : `${writtenUsd(remaining_usd ?? '0')} of ${writtenUsd(limit_usd)} left`
              }
              note={notes.join(' · ')}
            />
          );
        },
      )}
    </section>
  );
}
