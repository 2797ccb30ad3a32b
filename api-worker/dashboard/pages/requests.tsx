import { useMemo } from 'preact/hooks';
import { count, duration, time, usd } from '../format.ts';
import { Choice } from '../parts/choice.tsx';
import { Download } from '../parts/download.tsx';
import { Filter } from '../parts/filter.tsx';
import { Head } from '../parts/head.tsx';
import { More } from '../parts/more.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { EVERYONE, Scope } from '../parts/scope.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { hashOf, type Route, replaceQuery } from '../route.ts';
import { useSession } from '../session.ts';
import { SPANS, type SpanName, spanNamed, spanOf } from '../span.ts';
import type { LedgerRequest } from '../types.ts';
import { usePages } from '../use-pages.ts';
import { ReceiptPage } from './receipt.tsx';

const PAGE = 50;

type Outcome = 'all' | 'ok' | 'error';
const OUTCOMES = [
  ['all', 'All'],
  ['ok', 'Answered'],
  ['error', 'Failed'],
] as const;

/** The ledger's requests, newest first, or the receipt of one. */
export function Requests({ route }: { route: Route }) {
  return route.id === null ? <RequestList route={route} /> : <ReceiptPage key={route.id} id={route.id} />;
}

function RequestList({ route }: { route: Route }) {
  const { isAdmin } = useSession();
  const account = isAdmin ? route.query.get('account') : null;
  const outcome = OUTCOMES.find(([value]) => value === route.query.get('outcome'))?.[0] ?? 'all';
  const name = spanNamed(route.query.get('time'));
  const span = useMemo(() => boundsOf(name), [name]);
  const filter = {
    ...span,
    user_id: account,
    outcome: outcome === 'all' ? null : outcome,
    model: route.query.get('model'),
    key: route.query.get('key'),
  };
  const pages = usePages<LedgerRequest>('/usage/requests', { ...filter, limit: PAGE });
  const { rows, hasMore, error, loading, reload } = pages;
  return (
    <>
      <Head title="Requests">
        <Scope value={account} onChange={(account) => replaceQuery({ account })} />
        <label class="scope">
          Time
          <select value={name ?? ''} onChange={({ currentTarget }) => replaceQuery({ time: currentTarget.value })}>
            <option value="">any</option>
            {SPANS.map(([value, shown]) => (
              <option key={value} value={value}>
                {shown}
              </option>
            ))}
          </select>
        </label>
        <Filter label="Model" placeholder="any" value={filter.model} onChange={(model) => replaceQuery({ model })} />
        <Filter label="Key" placeholder="any" value={filter.key} onChange={(key) => replaceQuery({ key })} />
        <Choice<Outcome>
          label="Outcome"
          options={OUTCOMES}
          value={outcome}
          onChange={(outcome) => replaceQuery({ outcome: outcome === 'all' ? null : outcome })}
        />
        <button type="button" onClick={reload}>
          Refresh
        </button>
        <Download
          path="/usage/requests"
          query={{ ...filter, limit: 100 }}
          name={name ? `requests-${name}.csv` : 'requests.csv'}
        />
      </Head>
      <Problem error={error} onRetry={reload} />
      {rows === null
        ? !error && <Waiting what="requests" />
        : (rows.length > 0 || !hasMore) && (
            <section class="card" aria-busy={loading}>
              <Table
                caption="Requests, newest first"
                rows={rows}
                keyOf={({ request_id }) => request_id}
                columns={columns(account === EVERYONE)}
                empty="No requests."
              />
            </section>
          )}
      {rows !== null && <More of={pages}>Older ones</More>}
    </>
  );
}

/** A span that runs has no end: what is new is in it, too. */
function boundsOf(name: SpanName | null) {
  if (name === null) return { start: null, end: null };
  const now = Date.now();
  const { from, to } = spanOf(name, now);
  return { start: new Date(from).toISOString(), end: to > now ? null : new Date(to).toISOString() };
}

function columns(everyone: boolean): Column<LedgerRequest>[] {
  return [
    {
      head: 'Time',
      cell: ({ request_id, created_at }) => <a href={hashOf('requests', request_id)}>{time(created_at)}</a>,
    },
    ...(everyone ? [{ head: 'Account', name: true, cell: ({ user_id }: LedgerRequest) => user_id }] : []),
    { head: 'Model', name: true, cell: ({ model, requested_model }) => model ?? requested_model },
    { head: 'Status', cell: ({ status }) => <Status status={status} /> },
    { head: 'Attempts', number: true, cell: ({ attempts }) => count(attempts) },
    { head: 'Input', number: true, cell: ({ input_tokens }) => count(input_tokens) },
    { head: 'Output', number: true, cell: ({ output_tokens }) => count(output_tokens) },
    { head: 'Cost', number: true, cell: ({ cost_nano_usd }) => usd(cost_nano_usd) },
    { head: 'First token', number: true, cell: ({ ttft_ms }) => duration(ttft_ms) },
    { head: 'Time taken', number: true, cell: ({ latency_ms }) => duration(latency_ms) },
  ];
}

/** An HTTP status; 499 is a client that left. */
export function Status({ status }: { status: number }) {
  const kind = status < 400 ? 'good' : status === 499 ? 'soft' : 'bad';
  return <span class={`badge ${kind}`}>{status}</span>;
}
