import { getPublic } from '../api.ts';
import { count, exactUsd, secondsTime, time } from '../format.ts';
import { Facts } from '../parts/facts.tsx';
import { Head } from '../parts/head.tsx';
import { More } from '../parts/more.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { useSession } from '../session.ts';
import type { Comparison, Health, UpstreamState } from '../types-admin.ts';
import { useLoad } from '../use-load.ts';
import { usePages } from '../use-pages.ts';

/** What the system stands on, and how the ledger agrees with the upstream's account of it. */
export function Upstream() {
  const { api } = useSession();
  const health = useLoad((signal) => getPublic<Health>('/health', signal), []);
  const upstream = useLoad((signal) => api.get<UpstreamState>('/admin/upstream', {}, signal), []);
  const comparisons = usePages<Comparison>('/admin/account-comparisons', { limit: 30 });
  const reload = () => {
    health.reload();
    upstream.reload();
    comparisons.reload();
  };
  return (
    <>
      <Head title="Upstream" onRefresh={reload} />
      <div class="stack">
        <Problem error={health.error} onRetry={health.reload} />
        {health.data && <Components of={health.data} />}
        <Problem error={upstream.error} onRetry={upstream.reload} />
        {upstream.data ? <Circuits of={upstream.data} /> : !upstream.error && <Waiting what="circuits" />}
        <Problem error={comparisons.error} onRetry={comparisons.reload} />
        {comparisons.rows ? (
          <section class="card" aria-labelledby="comparisons" aria-busy={comparisons.loading}>
            <h2 id="comparisons">The ledger beside the upstream’s account</h2>
            <p class="note">
              Compared once a day. Both are totals since their beginning: what tells is the drift, by how much their
              difference changed since the day before.
            </p>
            <Table
              caption="Comparisons, the newest first"
              rows={comparisons.rows}
              keyOf={({ id }) => id}
              empty="Not compared yet."
              columns={[
                { head: 'Compared', cell: ({ compared_at }) => secondsTime(compared_at) },
                { head: 'Upstream', number: true, cell: ({ upstream_nano_usd }) => exactUsd(upstream_nano_usd) },
                { head: 'Ledger', number: true, cell: ({ ledger_nano_usd }) => exactUsd(ledger_nano_usd) },
                { head: 'Difference', number: true, cell: ({ difference_nano_usd }) => exactUsd(difference_nano_usd) },
                { head: 'Drift', number: true, cell: ({ drift_nano_usd }) => exactUsd(drift_nano_usd) },
              ]}
            />
          </section>
        ) : (
          !comparisons.error && <Waiting what="comparisons" />
        )}
        <More of={comparisons}>Older ones</More>
      </div>
    </>
  );
}

const STATES = {
  up: ['good', 'up'],
  down: ['bad', 'down'],
  off: ['soft', 'not set up'],
  ok: ['good', 'in order'],
  degraded: ['near', 'works, without analytics'],
} as const;

function State({ of }: { of: keyof typeof STATES }) {
  const [kind, says] = STATES[of];
  return <span class={`badge ${kind}`}>{says}</span>;
}

function Components({ of: { status, components, checked_at } }: { of: Health }) {
  return (
    <section class="card" aria-labelledby="health">
      <h2 id="health">Health</h2>
      <Facts
        of={[
          ['All of it', <State key="status" of={status} />],
          ['Database', <State key="database" of={components.database} />],
          ['Upstream', <State key="upstream" of={components.upstream} />],
          ['Analytics', <State key="analytics" of={components.analytics} />],
          ['Looked at', time(checked_at)],
        ]}
      />
    </section>
  );
}

function Circuits({ of: { base_url, models, circuits } }: { of: UpstreamState }) {
  return (
    <section class="card" aria-labelledby="circuits">
      <h2 id="circuits">Open circuits</h2>
      <p class="note">
        Models that are passed over because their calls keep failing, as the isolate that answers and KV know it.{' '}
        <code>{base_url}</code>{' '}
        {models === null ? 'does not list its models at the moment' : `lists ${count(models)} models`}.
      </p>
      <Table
        caption="Open circuits"
        rows={circuits}
        keyOf={({ model }) => model}
        empty="No circuit is known to be open."
        columns={[
          { head: 'Model', cell: ({ model }) => model },
          { head: 'Open until', cell: ({ open_until }) => time(open_until) },
        ]}
      />
    </section>
  );
}
