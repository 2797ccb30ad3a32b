import { count, exactUsd, secondsTime } from '../format.ts';
import { Table } from '../parts/table.tsx';
import type { DeadLetter, LetterState, LettersSummary } from '../types-admin.ts';

/** How many letters there are, and the dollars that are not billed for those that are stuck. */
export function Summary({ of: { data, stuck } }: { of: LettersSummary }) {
  return (
    <section class="card" aria-labelledby="stuck">
      <h2 id="stuck">Not billed, because it is stuck</h2>
      <p class="sum">{exactUsd(stuck.unbilled_nano_usd)}</p>
      <p class="note">
        {stuck.count === 0
          ? 'No letter is stuck.'
          : `${count(stuck.count)} stuck, the oldest since ${secondsTime(stuck.oldest_at)}. What tells no cost is not part of the sum.`}
      </p>
      {data.length > 0 && (
        <Table
          caption="Dead letters by queue and state"
          rows={data}
          keyOf={({ queue, state }) => `${queue} ${state}`}
          columns={[
            { head: 'Queue', cell: ({ queue }) => queue },
            { head: 'State', cell: ({ state }) => <LetterBadge state={state} /> },
            { head: 'Letters', number: true, cell: (sum) => count(sum.count) },
            { head: 'Not billed', number: true, cell: ({ unbilled_nano_usd }) => exactUsd(unbilled_nano_usd) },
            { head: 'Oldest', cell: ({ oldest_at }) => secondsTime(oldest_at) },
          ]}
        />
      )}
    </section>
  );
}

/** A letter's state. */
export function LetterBadge({ state }: { state: LetterState }) {
  const kind = { stuck: 'bad', replayed: 'good', discarded: 'soft' }[state];
  return <span class={`badge ${kind}`}>{state}</span>;
}

/** What is not billed for a letter: unknown for one of the usage queue that tells no cost. */
export function notBilled({ queue, state, cost_nano_usd, unbilled_nano_usd }: DeadLetter): string {
  const tellsNone = cost_nano_usd === null && state !== 'replayed' && queue.startsWith('openai-api-usage');
  return exactUsd(tellsNone ? null : unbilled_nano_usd);
}
