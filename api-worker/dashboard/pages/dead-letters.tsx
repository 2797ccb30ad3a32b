import { useEffect, useState } from 'preact/hooks';
import type { LetterSelection } from '../dead-letter-changes.ts';
import { count, secondsTime } from '../format.ts';
import { Choice } from '../parts/choice.tsx';
import { Head } from '../parts/head.tsx';
import { Lines } from '../parts/lines.tsx';
import { More } from '../parts/more.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { hashOf, type Route, replaceQuery } from '../route.ts';
import { useSession } from '../session.ts';
import type { DeadLetter, LetterState, LettersSummary } from '../types-admin.ts';
import { useLoad } from '../use-load.ts';
import { usePages } from '../use-pages.ts';
import { DeadLetterPage } from './dead-letter.tsx';
import { LetterActions } from './letter-actions.tsx';
import { notBilled, Summary } from './letters-summary.tsx';

const PAGE = 50;

const STATES = [
  ['stuck', 'Stuck'],
  ['replayed', 'Replayed'],
  ['discarded', 'Discarded'],
] as const;

type Queue = 'all' | 'usage' | 'analytics' | 'reconcile';
const QUEUES = [
  ['all', 'All'],
  ['usage', 'Usage'],
  ['analytics', 'Analytics'],
  ['reconcile', 'Reconcile'],
] as const;

type Scope = 'chosen' | 'all';

/** Messages that could not be used, or one of them. */
export function DeadLetters({ route }: { route: Route }) {
  return route.id === null ? <LetterList route={route} /> : <DeadLetterPage key={route.id} id={route.id} />;
}

function LetterList({ route }: { route: Route }) {
  const { api } = useSession();
  const state = STATES.find(([value]) => value === route.query.get('state'))?.[0] ?? 'stuck';
  const chosenQueue = QUEUES.find(([value]) => value === route.query.get('queue'))?.[0] ?? 'all';
  const queue = chosenQueue === 'all' ? null : chosenQueue;
  const summary = useLoad(
    (signal) => api.get<LettersSummary>('/admin/dead-letters/summary', { queue }, signal),
    [queue],
  );
  const pages = usePages<DeadLetter>('/admin/dead-letters', { state, queue, limit: PAGE });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [scope, setScope] = useState<Scope>('chosen');
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is not shown any more is not to be acted upon.
  useEffect(() => {
    setChosen(new Set());
    setScope('chosen');
  }, [state, queue]);
  const reload = () => {
    summary.reload();
    pages.reload();
  };
  const rows = pages.rows ?? [];
  const letters = rows.filter(({ id }) => chosen.has(id));
  const stuck = summary.data?.stuck ?? null;
  const isAll = scope === 'all' && state === 'stuck' && stuck !== null;
  const selection: LetterSelection | null = isAll
    ? { filter: { queue } }
    : letters.length > 0
      ? { ids: letters.map(({ id }) => id) }
      : null;
  return (
    <>
      <Head title="Dead letters" onRefresh={reload}>
        <Choice<LetterState>
          label="State"
          options={STATES}
          value={state}
          onChange={(state) => replaceQuery({ state: state === 'stuck' ? null : state })}
        />
        <Choice<Queue>
          label="Queue"
          options={QUEUES}
          value={chosenQueue}
          onChange={(queue) => replaceQuery({ queue: queue === 'all' ? null : queue })}
        />
      </Head>
      <div class="stack">
        <Problem error={summary.error ?? pages.error} onRetry={reload} />
        {summary.data && <Summary of={summary.data} />}
        {pages.rows === null && !pages.error && <Waiting what="dead letters" />}
        {pages.rows && (
          <>
            <section class="card" aria-label="What to do with them">
              <div class="controls">
                <label class="scope">
                  <input
                    type="checkbox"
                    checked={rows.length > 0 && letters.length === rows.length}
                    disabled={rows.length === 0}
                    onChange={({ currentTarget }) =>
                      setChosen(new Set(currentTarget.checked ? rows.map(({ id }) => id) : []))
                    }
                  />
                  Choose all that are shown
                </label>
                <Choice<Scope>
                  label="To be tried, replayed or discarded"
                  options={[
                    ['chosen', `Those chosen (${count(letters.length)})`],
                    ...(state === 'stuck' && stuck ? [['all', allOf(stuck.count, queue)] as const] : []),
                  ]}
                  value={scope}
                  onChange={setScope}
                />
              </div>
              <LetterActions selection={selection} selected={isAll ? stuck : sumOf(letters)} onChanged={reload} />
            </section>
            <section class="card" aria-busy={pages.loading}>
              <Table
                caption={`Dead letters that are ${state}, the oldest first`}
                rows={rows}
                keyOf={({ id }) => id}
                empty={state === 'stuck' ? 'Nothing is stuck.' : `Nothing is ${state}.`}
                columns={columns(chosen, (id, isChosen) => {
                  const next = new Set(chosen);
                  if (isChosen) next.add(id);
                  else next.delete(id);
                  setChosen(next);
                })}
              />
            </section>
          </>
        )}
        <More of={pages}>Later ones</More>
      </div>
    </>
  );
}

function allOf(number: number, queue: string | null): string {
  return `All that are stuck${queue === null ? '' : ` of ${queue}`} (${count(number)})`;
}

function sumOf(letters: readonly DeadLetter[]) {
  // Several letters may tell of one request, which is billed once.
  const requests = new Map(
    letters.map(({ id, request_id, unbilled_nano_usd }) => [request_id ?? id, unbilled_nano_usd]),
  );
  return { count: letters.length, unbilled_nano_usd: [...requests.values()].reduce((sum, nano) => sum + nano, 0) };
}

function columns(chosen: ReadonlySet<string>, choose: (id: string, isChosen: boolean) => void): Column<DeadLetter>[] {
  return [
    {
      head: 'Chosen',
      cell: ({ id }) => (
        <input
          type="checkbox"
          aria-label={`Choose ${id}`}
          checked={chosen.has(id)}
          onChange={({ currentTarget }) => choose(id, currentTarget.checked)}
        />
      ),
    },
    { head: 'Sent', cell: ({ id, created_at }) => <a href={hashOf('dead-letters', id)}>{secondsTime(created_at)}</a> },
    { head: 'Queue', cell: ({ queue }) => queue },
    { head: 'Not billed', number: true, cell: notBilled },
    { head: 'Deliveries', number: true, cell: ({ attempts }) => count(attempts) },
    { head: 'Reason', wide: true, cell: ({ reason }) => <Lines text={reason} /> },
    { head: 'Request', cell: ({ request_id }) => (request_id === null ? '–' : <code>{request_id}</code>) },
  ];
}
