import { count, duration, several, share, short, usd } from '../format.ts';
import { Table } from '../parts/table.tsx';
import { hashOf } from '../route.ts';
import type { SpanName } from '../span.ts';
import type { Group, Latency, Sums, Usage } from '../types.ts';

/** What usage is grouped by, in words. */
export const GROUP_NAMES: Record<Group, string> = {
  model: 'Model',
  key: 'Key',
  user: 'Account',
  day: 'Day',
  hour: 'Hour',
};

/** All of it, in a few numbers. */
export function UsageTotals({ total, latency }: { total: Sums; latency: Latency['data'][number] | null }) {
  const tiles = [
    ['Cost', usd(total.cost_nano_usd), uncertain(total)],
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

function uncertain({ unpriced_attempts }: Sums): string | null {
  return unpriced_attempts === 0 ? null : `${several(unpriced_attempts, 'attempt')} estimated or missing`;
}

interface Props {
  group: Group;
  usage: Usage;
  /** Where its links lead to. */
  account: string | null;
  time: SpanName;
}

/** What each model, key or account used; models and keys lead to their requests. */
export function UsageByGroup({ group, usage, account, time }: Props) {
  const rows = usage.data.toSorted((a, b) => b.cost_nano_usd - a.cost_nano_usd || b.requests - a.requests);
  const name = (row: Usage['data'][number]) => row[group] ?? '';
  const placeOf = (row: Usage['data'][number]) =>
    group === 'user'
      ? hashOf('', null, { account: name(row), time })
      : hashOf('requests', null, { [group]: name(row), account, time });
  return (
    <section class="card">
      <h2>By {GROUP_NAMES[group].toLowerCase()}</h2>
      <Table
        caption={`Usage by ${GROUP_NAMES[group].toLowerCase()}`}
        rows={rows}
        keyOf={name}
        empty="Nothing in this time."
        columns={[
          { head: GROUP_NAMES[group], name: true, cell: (row) => <a href={placeOf(row)}>{name(row)}</a> },
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
