import { CALL_MS, COMPONENTS, dollars, logEvents } from './costs.ts';
import type { Counts } from './counted-system.ts';
import { type BilledBatch, type Findings, inAll } from './findings.ts';
import { LIMITS, PAGES, PER_GB_MONTH, PER_MILLION, READ_ON } from './list-prices.ts';
import { limitsOf, perSecond } from './saturation.ts';

const OPERATIONS = [
  ['Worker requests', 'worker_requests'],
  ['Durable Object requests', 'do_requests'],
  ['rows read', 'do_rows_read'],
  ['rows written', 'do_rows_written'],
  ['KV reads', 'kv_reads'],
  ['KV writes', 'kv_writes'],
  ['Queue operations', 'queue_operations'],
  ['D1 rows read', 'd1_rows_read'],
  ['D1 rows written', 'd1_rows_written'],
  ['PostHog events', 'posthog_events'],
  ['log events', 'log_events'],
] as const;

const MONTH_HOURS = 730;
const WEEK_HOURS = 168;
/** A stream of ordinary length. */
const STREAM_SECONDS = 10;

/** docs/scale.md, of what was counted. */
export function document(found: Findings): string {
  const { kinds, single, busy, spread, retention, alerts, measured } = found;
  const stream = kinds.get('**stream**') ?? {};
  const total = (request: Counts, batch: BilledBatch) => sum(Object.values(dollars(inAll(request, batch))));
  const parts = Object.entries(dollars(inAll(stream, spread))).sort(([, a], [, b]) => b - a);
  const [dearest, second] = parts;
  const logs = dollars(inAll(stream, spread)).Logs;
  const rollupBytes = spread.bytes - busy.bytes;
  const alertReads = Math.round((alerts.counts.d1_rows_read ?? 0) / alerts.rollups) * WEEK_HOURS * 1_000;
  return `# What it costs, and where it ends

Written and checked by \`tests/e2e/scale.test.ts\`, which runs both workers in workerd, with everything counted that they do to their bindings: rows are those that SQLite tells, queue operations are counted by message and size. What takes time is measured by the benchmarks, not here; those figures are read from what they saved in \`docs/bench/\`.

## What a request takes

A chat completion to the end of what follows its answer, in the API worker and its Durable Objects:

${table(
  ['', ...OPERATIONS.map(([name]) => name)],
  [...kinds].map(([kind, took]) => {
    const counts: Counts = { ...took, log_events: logEvents(took) };
    return [kind, ...OPERATIONS.map(([, name]) => String(counts[name] ?? '–'))];
  }),
)}

An isolate believes what it knows of a key for a minute; then it asks KV, and if that has forgotten, too, D1. Its circuit breakers look into KV every half minute a model, the list of models once a minute where budgets or tiers need it. Log events are one for each invocation of a worker or an object, and the lines that these log. An account's object sets one alarm in five minutes, not one a request. Where a minute's tokens are limited, as all tiers but \`unlimited\` limit them, the end of a request writes the window anew: a row more. A request that lasts renews its lease every two minutes: one call, one row. An idempotency key is an object of its own, which a day later deletes what it holds.

The consumer, for each usage event:

${table(
  ['', 'Worker requests', 'D1 statements', 'D1 rows read', 'D1 rows written', 'log events', 'bytes in D1'],
  [
    consumerRow('alone in its batch', single),
    consumerRow('100 of one account and model', busy),
    consumerRow('100 of 100 accounts', spread),
  ],
)}

Analytics take another Worker request a batch and one request to PostHog. Retention takes, for a million requests, ${number((1e6 * (retention.counts.d1_rows_read ?? 0)) / retention.requests / 1e6)} million D1 rows read, ${number((retention.counts.d1_rows_written ?? 0) / retention.requests)} million written, and ${Math.round((1e6 * (retention.counts.r2_class_a ?? 0)) / retention.requests).toLocaleString('en')} operations of R2's class A.

## Dollars for a million requests

By [list](${PAGES.Workers}) [price](${PAGES['Durable Objects']}) ([KV](${PAGES.KV}), [Queues](${PAGES.Queues}), [D1](${PAGES.D1}), [R2](${PAGES.R2}), [Workers Logs](${PAGES['Workers Logs']}); read in ${READ_ON}), beyond what the plan of $5 a month includes. Batches of the consumer are full, each event of another account; in the last column all of one account.

${table(
  ['', ...Object.keys(COMPONENTS), '**total**', 'one account'],
  [...kinds].map(([kind, counts]) => {
    const all = inAll(counts, spread);
    return [
      kind,
      ...Object.values(dollars(all)).map(usd),
      `**${usd(total(counts, spread))}**`,
      usd(total(counts, busy)),
    ];
  }),
)}

- CPU time is not in it: each millisecond a request adds ${usd(PER_MILLION.cpu_ms)}. A stream of 100 chunks takes the API worker, without limiter and queues, ${measured.apiCpuMs} ms of a development machine's CPU (\`stubbed\` in \`npm run bench:relay\`): ${usd(PER_MILLION.cpu_ms * measured.apiCpuMs)}.
- Logs are as many as invocations and what these log: each call of an object is one. \`head_sampling_rate\` under \`[observability]\` in the wrangler files lowers them in proportion: at 0.1 a stream costs ${usd(total(stream, spread) - 0.9 * logs)} instead of ${usd(total(stream, spread))}. What a request that is not sampled logs is lost, its errors as well, among them \`usage_event_not_stored\`, the last copy of an event that no queue, no object and no database took. \`invocation_logs = false\` under \`[observability.logs]\` leaves those lines and costs ${usd(PER_MILLION.log_events * (inAll(stream, spread).log_lines ?? 0))} of the ${usd(logs)}.
- A call is taken to keep its object busy for ${CALL_MS} ms. With an idempotency key the object takes the answer in as it comes: of a stream of ${STREAM_SECONDS} s that is another ${usd(STREAM_SECONDS * LIMITS.objectMemoryGb * PER_MILLION.do_gb_s)}.
- Batches that are not full cost more: ${usd(total(stream, single))} for streams that are alone in theirs. So does content for PostHog beyond 64 KB a request: each further 64 KB ${usd(3 * PER_MILLION.queue_operations)}.
- A million requests are ${number(busy.bytes / 1000)} GB of ledger: ${usd((busy.bytes / 1000) * PER_GB_MONTH.d1)} a month while they are in D1. Moving them to R2 costs ${usd(sum(retentionDollars(found)))}.
- Most of a stream's cost is what is written, so that it outlives any crash: ${dearest?.[0]} ${percent(dearest?.[1], parts)}, ${second?.[0]} ${percent(second?.[1], parts)}. An upstream that takes half a cent a request takes $5,000 for the million.

## What ends first

![Which limit comes at which load](scale.svg)

${table(
  ['', 'at', 'because', 'what moves it'],
  limitsOf(found).map(({ what, at, because, step }) => [what, perSecond(at), because, step]),
)}

For what fills up the load is the average of a month, for what is busy a peak. The numbers hold for one database, one queue of each kind, one account. Further off:

- **Rollups** are never thinned: an account, key and model that is used in an hour leaves ${Math.round(rollupBytes)} bytes, more with more latency buckets. A thousand of them, around the clock, are ${number((rollupBytes * 1000 * MONTH_HOURS) / 1e9)} GB a month: several databases share that as well.
- **Alerts** read a week of hourly rollups every five minutes: with the same thousand ${alertReads.toLocaleString('en')} rows, ${usd((alertReads * MONTH_HOURS * 12 * PER_MILLION.d1_rows_read) / 1e6)} a month.
- **Consumers**: up to ${LIMITS.queueConsumers} at once. Those of usage wait for D1; those of analytics for PostHog: at a second a batch ${(LIMITS.queueConsumers * 100).toLocaleString('en')} a second, more than a queue lets through.
- **KV** takes one write a second a key. More than 60 isolates that refresh the same key each minute would pass that; a refused write is let go, and those isolates ask D1, once a minute each.
- **Workers** have no limit of requests. A request makes few subrequests (the upstream's attempts, ${stream.do_requests} calls, ${stream.queue_messages} messages) of the 10,000 allowed, and waits for at most two upstreams of the six that may be waited for.
`;
}

function consumerRow(name: string, { counts, events, bytes }: BilledBatch): string[] {
  const each = (operation: string): string => number((counts[operation] ?? 0) / events);
  return [
    name,
    each('worker_requests'),
    each('d1_statements'),
    each('d1_rows_read'),
    each('d1_rows_written'),
    number(logEvents(counts) / events),
    Number.isNaN(bytes) ? '–' : String(Math.round(bytes)),
  ];
}

function retentionDollars({ retention: { counts, requests } }: Findings): number[] {
  return (['d1_rows_read', 'd1_rows_written', 'r2_class_a', 'r2_class_b'] as const).map(
    (name) => ((counts[name] ?? 0) / requests) * PER_MILLION[name],
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function usd(dollars: number): string {
  return dollars === 0 ? '–' : `$${dollars.toFixed(2)}`;
}

function number(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2).replace(/\.?0+$/, '');
}

function percent(part: number | undefined, parts: readonly (readonly [string, number])[]): string {
  return `${Math.round(((part ?? 0) * 100) / sum(parts.map(([, value]) => value)))} %`;
}
