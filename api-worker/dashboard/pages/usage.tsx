import { useMemo } from 'preact/hooks';
import { count, duration, several, share, short, usd } from '../format.ts';
import { Chart } from '../parts/chart.tsx';
import { Choice } from '../parts/choice.tsx';
import { Download } from '../parts/download.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { EVERYONE, Scope } from '../parts/scope.tsx';
import { Table } from '../parts/table.tsx';
import { hashOf, type Route, replaceQuery } from '../route.ts';
import { largestFirst, seriesOf, spanOfDays, timesOf } from '../series.ts';
import { useSession } from '../session.ts';
import type { Group, Latency, Sums, Usage } from '../types.ts';
import { useLoad } from '../use-load.ts';
import { Budgets } from './budgets.tsx';

const SPANS = [
  ['1', '24 h'],
  ['7', '7 days'],
  ['30', '30 days'],
  ['90', '90 days'],
] as const;
type Days = (typeof SPANS)[number][0];

type By = 'total' | 'model' | 'key' | 'user';

/** What was used, over time, by model, by key and by account. */
export function UsagePage({ route }: { route: Route }) {
  const { api, isAdmin } = useSession();
  const days = (SPANS.find(([value]) => value === route.query.get('days'))?.[0] ?? '7') as Days;
  const account = isAdmin ? route.query.get('account') : null;
  const by = (['model', 'key', ...(account === EVERYONE ? ['user'] : [])] as By[]).find(
    (group) => group === route.query.get('by'),
  );
  const span = useMemo(() => spanOfDays(Number(days), Date.now()), [days]);
  const query = {
    start: new Date(span.from).toISOString(),
    end: new Date(span.to).toISOString(),
    user_id: account,
  };
  const groups: Group[] = ['model', 'key', ...(account === EVERYONE ? (['user'] as const) : [])];
  const shown = useLoad(
    async (signal) => {
      const over = by && by !== 'total' ? `${by},${span.step}` : span.step;
      const [usage, latency, all, ...tables] = await Promise.all([
        api.get<Usage>('/usage', { ...query, group_by: over }, signal),
        api.get<Latency>('/usage/latency', { ...query, group_by: over }, signal),
        api.get<Latency>('/usage/latency', query, signal),
        ...groups.map(async (group) => ({
          group,
          usage: await api.get<Usage>('/usage', { ...query, group_by: group }, signal),
        })),
      ]);
      return { usage, latency, total: all.data[0] ?? null, tables, by: by ?? null, span };
    },
    [days, account, by ?? null],
  );
  const change = (set: Record<string, string | null>) => replaceQuery(route, set);
  return (
    <>
      <div class="head">
        <h1>Usage</h1>
        <div class="controls">
          <Scope value={account} onChange={(account) => change({ account })} />
          <Choice label="Time" options={SPANS} value={days} onChange={(days) => change({ days })} />
          <Choice<By>
            label="Plots by"
            options={[['total', 'Total'], ...groups.map((group) => [group as By, NAMES[group]] as const)]}
            value={by ?? 'total'}
            onChange={(by) => change({ by: by === 'total' ? null : by })}
          />
          <Download
            path="/usage"
            query={{ ...query, group_by: `model,key,${span.step}` }}
            name={`usage-${days}d.csv`}
          />
        </div>
      </div>
      <Problem error={shown.error} onRetry={shown.reload} />
      {shown.data ? (
        <div class="stack" aria-busy={shown.loading}>
          <Totals total={shown.data.usage.total} latency={shown.data.total} />
          <Budgets limits={shown.data.usage.limits} onlySet />
          <Plots {...shown.data} />
          {shown.data.tables.map(({ group, usage }) => (
            <ByGroup key={group} group={group} usage={usage} account={account} />
          ))}
        </div>
      ) : (
        !shown.error && <Waiting what="usage" />
      )}
    </>
  );
}

const NAMES: Record<Group, string> = { model: 'Model', key: 'Key', user: 'Account', day: 'Day', hour: 'Hour' };

function Totals({ total, latency }: { total: Sums; latency: Latency['data'][number] | null }) {
  const tiles = [
    [
      'Cost',
      usd(total.cost_nano_usd),
      total.unpriced_attempts > 0 ? `${several(total.unpriced_attempts, 'attempt')} estimated` : null,
    ],
    ['Requests', count(total.requests), null],
    [
      'Tokens',
      short(total.input_tokens + total.output_tokens),
      `${short(total.input_tokens)} in, ${short(total.output_tokens)} out`,
    ],
    ['Errors', share(total.errors, total.requests), total.errors > 0 ? count(total.errors) : null],
    ['Time, p95', duration(latency?.latency_ms.p95 ?? null), `p50 ${duration(latency?.latency_ms.p50 ?? null)}`],
    ['First token, p95', duration(latency?.ttft_ms.p95 ?? null), `p50 ${duration(latency?.ttft_ms.p50 ?? null)}`],
  ] as const;
  return (
    <dl class="tiles">
      {tiles.map(([name, value, note]) => (
        <div key={name} class="card">
          <dt>{name}</dt>
          <dd>{value}</dd>
          {note && <dd class="note">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}

interface Plotted {
  usage: Usage;
  latency: Latency;
  by: By | null;
  span: ReturnType<typeof spanOfDays>;
}

function Plots({ usage, latency, by, span }: Plotted) {
  const times = useMemo(() => timesOf(span), [span]);
  const group = by === 'total' ? null : by;
  const plots = useMemo(() => {
    // In all plots a group has the same colour.
    const order = group ? largestFirst(usage.data, group, (row) => row.cost_nano_usd) : [];
    const amount = (label: string, amountOf: (row: Sums) => number) =>
      seriesOf(usage.data, span, { by: group, order, label, amountOf, absent: 0 });
    const tokens = group
      ? amount('tokens', (row) => row.input_tokens + row.output_tokens)
      : [
          ...amount('input', (row) => row.input_tokens - row.cached_tokens),
          ...amount('cached input', (row) => row.cached_tokens),
          ...amount('output', (row) => row.output_tokens),
        ];
    const percentiles = (measure: 'latency_ms' | 'ttft_ms') =>
      (group ? (['p95'] as const) : (['p50', 'p95'] as const)).flatMap((percentile) =>
        seriesOf(latency.data, span, {
          by: group,
          order,
          label: percentile,
          amountOf: (row) => row[measure][percentile],
          absent: null,
        }),
      );
    return {
      cost: amount('cost', (row) => row.cost_nano_usd),
      requests: amount('requests', (row) => row.requests),
      errors: amount('errors', (row) => row.errors),
      tokens,
      latency: percentiles('latency_ms'),
      ttft: percentiles('ttft_ms'),
    };
  }, [usage, latency, group, span]);
  const common = { times, step: span.step };
  const p95 = group ? ', p95' : '';
  return (
    <div class="plots">
      <Chart {...common} title="Cost" kind="bars" series={plots.cost} format={usd} />
      <Chart {...common} title="Requests" kind="bars" series={plots.requests} format={count} formatAxis={short} />
      <Chart {...common} title="Tokens" kind="bars" series={plots.tokens} format={count} formatAxis={short} />
      <Chart {...common} title="Errors" kind="bars" series={plots.errors} format={count} formatAxis={short} />
      <Chart {...common} title={`Time to the last byte${p95}`} kind="lines" series={plots.latency} format={duration} />
      <Chart {...common} title={`Time to the first token${p95}`} kind="lines" series={plots.ttft} format={duration} />
    </div>
  );
}

function ByGroup({ group, usage, account }: { group: Group; usage: Usage; account: string | null }) {
  const rows = usage.data.toSorted((a, b) => b.cost_nano_usd - a.cost_nano_usd || b.requests - a.requests);
  const name = (row: Usage['data'][number]) => row[group] ?? '';
  const linked = group === 'model' || group === 'key';
  return (
    <section class="card">
      <h2>By {NAMES[group].toLowerCase()}</h2>
      <Table
        caption={`Usage by ${NAMES[group].toLowerCase()}`}
        rows={rows}
        keyOf={name}
        empty="Nothing in this time."
        columns={[
          {
            head: NAMES[group],
            cell: (row) => (
              <a
                href={
                  linked
                    ? hashOf('requests', null, { [group]: name(row), account })
                    : hashOf('', null, { account: name(row) })
                }
              >
                {name(row)}
              </a>
            ),
          },
          { head: 'Cost', number: true, cell: (row) => usd(row.cost_nano_usd) },
          { head: 'Share', number: true, cell: (row) => share(row.cost_nano_usd, usage.total.cost_nano_usd) },
          { head: 'Requests', number: true, cell: (row) => count(row.requests) },
          { head: 'Errors', number: true, cell: (row) => share(row.errors, row.requests) },
          { head: 'Input', number: true, cell: (row) => count(row.input_tokens) },
          { head: 'Cached', number: true, cell: (row) => count(row.cached_tokens) },
          { head: 'Output', number: true, cell: (row) => count(row.output_tokens) },
        ]}
      />
    </section>
  );
}
