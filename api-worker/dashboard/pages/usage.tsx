import { utcTime } from '../format.ts';
import { Choice } from '../parts/choice.tsx';
import { Download } from '../parts/download.tsx';
import { Head } from '../parts/head.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { EVERYONE, Scope } from '../parts/scope.tsx';
import { type Route, replaceQuery } from '../route.ts';
import { useSession } from '../session.ts';
import { SPANS, type Span, type SpanName, spanNamed, spanOf } from '../span.ts';
import type { Group, Latency, Usage } from '../types.ts';
import { useLoad } from '../use-load.ts';
import { Budgets } from './budgets.tsx';
import { latencyGroup, UsagePlots } from './usage-plots.tsx';
import { GROUP_NAMES, UsageByGroup, UsageTotals } from './usage-sums.tsx';

const SPAN: SpanName = '7d';

/** What was used, over time, by model, by key and by account. */
export function UsagePage({ route }: { route: Route }) {
  const { api, isAdmin } = useSession();
  const time = spanNamed(route.query.get('time')) ?? SPAN;
  const account = isAdmin ? route.query.get('account') : null;
  const groups: Group[] = ['model', 'key', ...(account === EVERYONE ? (['user'] as const) : [])];
  const by = groups.find((group) => group === route.query.get('by')) ?? null;
  const { data, error, loading, reload } = useLoad(
    async (signal) => {
      const readAt = Date.now();
      const span = spanOf(time, readAt);
      const asked = {
        start: new Date(span.from).toISOString(),
        end: new Date(span.to).toISOString(),
        user_id: account,
      };
      const over = (group: Group | null) => (group ? `${group},${span.step}` : span.step);
      const [usage, latency, all, ...tables] = await Promise.all([
        api.get<Usage>('/usage', { ...asked, group_by: over(by) }, signal),
        api.get<Latency>('/usage/latency', { ...asked, group_by: over(latencyGroup(by)) }, signal),
        api.get<Latency>('/usage/latency', asked, signal),
        ...groups.map(async (group) => ({
          group,
          usage: await api.get<Usage>('/usage', { ...asked, group_by: group }, signal),
        })),
      ]);
      // All of it belongs together: while another time is read, this one is still shown, and saved.
      return { readAt, span, asked, time, account, by, usage, latency, total: all.data[0] ?? null, tables };
    },
    [time, account, by],
  );
  return (
    <>
      <Head title="Usage">
        <Scope value={account} onChange={(account) => replaceQuery({ account })} />
        <Choice<SpanName> label="Time" options={SPANS} value={time} onChange={(time) => replaceQuery({ time })} />
        <Choice<Group | 'total'>
          label="Plots by"
          options={[['total', 'Total'], ...groups.map((group) => [group, GROUP_NAMES[group]] as const)]}
          value={by ?? 'total'}
          onChange={(by) => replaceQuery({ by: by === 'total' ? null : by })}
        />
        <button type="button" onClick={reload}>
          Refresh
        </button>
        {data && (
          <Download
            path="/usage"
            query={{ ...data.asked, group_by: `model,key,${data.span.step}` }}
            name={`usage-${data.time}.csv`}
          />
        )}
      </Head>
      <Problem error={error} onRetry={reload} />
      {data ? (
        <div class="stack" aria-busy={loading}>
          <p class="note">{whenOf(data)}</p>
          <UsageTotals total={data.usage.total} latency={data.total} />
          <Budgets limits={data.usage.limits} onlySet />
          <UsagePlots usage={data.usage} latency={data.latency} by={data.by} span={data.span} />
          {data.tables.map(({ group, usage }) => (
            <UsageByGroup key={group} group={group} usage={usage} account={data.account} time={data.time} />
          ))}
        </div>
      ) : (
        !error && <Waiting what="usage" />
      )}
    </>
  );
}

/** Of a span that runs, the end is when it was read. */
function whenOf({ span: { from, to, step }, readAt }: { span: Span; readAt: number }): string {
  return `From ${utcTime(from)} to ${utcTime(Math.min(to, readAt))}, in ${step}s of UTC.`;
}
