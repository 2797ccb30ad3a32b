import { useMemo } from 'preact/hooks';
import { count, duration, short, shortUsd, usd } from '../format.ts';
import { Chart } from '../parts/chart.tsx';
import { largestFirst, seriesOf } from '../series.ts';
import { type Span, timesOf } from '../span.ts';
import type { Group, Latency, Sums, Usage } from '../types.ts';

/** By what latency is told where usage is told by a group; the API does not tell it by account. */
export function latencyGroup(by: Group | null): Group | null {
  return by === 'user' ? null : by;
}

interface Props {
  usage: Usage;
  /** By {@link latencyGroup}. */
  latency: Latency;
  /** What usage is grouped by besides time; null: nothing. */
  by: Group | null;
  span: Span;
}

/** Usage and latency over time. */
export function UsagePlots({ usage, latency, by, span }: Props) {
  const times = useMemo(() => timesOf(span), [span]);
  const plots = useMemo(() => seriesOfAll({ usage, latency, by, span }), [usage, latency, by, span]);
  const common = { times, step: span.step };
  const p95 = latencyGroup(by) ? ', p95' : '';
  return (
    <div class="plots">
      <Chart {...common} title="Cost" kind="bars" series={plots.cost} format={usd} formatAxis={shortUsd} />
      <Chart {...common} title="Requests" kind="bars" series={plots.requests} format={count} formatAxis={short} />
      <Chart {...common} title="Tokens" kind="bars" series={plots.tokens} format={count} formatAxis={short} />
      <Chart {...common} title="Errors" kind="bars" series={plots.errors} format={count} formatAxis={short} />
      <Chart {...common} title={`Time to the last byte${p95}`} kind="lines" series={plots.latency} format={duration} />
      <Chart {...common} title={`Time to the first token${p95}`} kind="lines" series={plots.ttft} format={duration} />
    </div>
  );
}

function seriesOfAll({ usage, latency, by, span }: Props) {
  // In all plots a group has the same colour.
  const order = by ? largestFirst(usage.data, by, (row) => row.cost_nano_usd) : [];
  const amount = (label: string, amountOf: (row: Sums) => number) =>
    seriesOf(usage.data, span, { by, order, label, amountOf, absent: 0 });
  const latencyBy = latencyGroup(by);
  const percentiles = (measure: 'latency_ms' | 'ttft_ms') =>
    (latencyBy ? (['p95'] as const) : (['p50', 'p95'] as const)).flatMap((percentile) =>
      seriesOf(latency.data, span, {
        by: latencyBy,
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
    tokens: by
      ? amount('tokens', (row) => row.input_tokens + row.output_tokens)
      : [
          ...amount('input', (row) => row.input_tokens - row.cached_tokens),
          ...amount('cached input', (row) => row.cached_tokens),
          ...amount('output', (row) => row.output_tokens),
        ],
    latency: percentiles('latency_ms'),
    ttft: percentiles('ttft_ms'),
  };
}
