import { useState } from 'preact/hooks';
import { changeLetters, type LetterAction, type LetterSelection, OUTCOMES, summaryOf } from '../dead-letter-changes.ts';
import { count, exactUsd, several } from '../format.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Lines } from '../parts/lines.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { Table } from '../parts/table.tsx';
import { hashOf } from '../route.ts';
import { useSession } from '../session.ts';
import type { LetterChange } from '../types-admin.ts';
import { useAction } from '../use-action.ts';

interface Props {
  /** Null: nothing is selected. */
  selection: LetterSelection | null;
  /** How many those are, and what is not billed for them. */
  selected: { count: number; unbilled_nano_usd: number };
  /** Is told when letters may be in another state. */
  onChanged: () => void;
}

interface Came {
  action: LetterAction;
  changes: readonly LetterChange[];
}

/** Tries, replays and discards letters, and tells what came of each. */
export function LetterActions({ selection, selected, onChanged }: Props) {
  const { api } = useSession();
  const action = useAction();
  const [asking, setAsking] = useState(false);
  const [came, setCame] = useState<Came | null>(null);
  const start = (what: LetterAction) => {
    if (!selection) return;
    setAsking(false);
    setCame(null);
    action.run(async (left) => {
      try {
        const onPage = (changes: readonly LetterChange[]) => setCame({ action: what, changes });
        const changes = await changeLetters(api, what, selection, onPage, left);
        return summaryOf(changes, what);
      } finally {
        if (what !== 'try') onChanged();
      }
    });
  };
  const isEmpty = selection === null || selected.count === 0;
  return (
    <>
      <div class="buttons">
        <button type="button" disabled={isEmpty} onClick={() => start('try')}>
          Try a replay
        </button>
        <button type="button" disabled={isEmpty} onClick={() => start('replay')}>
          Replay
        </button>
        <button type="button" class="danger" disabled={isEmpty} onClick={() => setAsking(true)}>
          Discard …
        </button>
      </div>
      {action.busy && (
        <output class="empty">
          {came ? `${count(came.changes.length)} so far` : 'Working'} … Please stay on this page: leaving it stops the
          rest.
        </output>
      )}
      <Outcome of={action} />
      {came && <Changes of={came} />}
      {asking && (
        <Dialog title={`Discard ${several(selected.count, 'letter')}?`} onClose={() => setAsking(false)}>
          <p>
            {selected.unbilled_nano_usd > 0
              ? `${exactUsd(selected.unbilled_nano_usd)} will never be billed.`
              : 'None of them has a known cost that waits to be billed.'}{' '}
            Discarded letters are kept for 30 days, and can be replayed until then.
          </p>
          <div class="buttons">
            <button type="button" onClick={() => setAsking(false)}>
              Cancel
            </button>
            <button type="button" class="danger" onClick={() => start('discard')}>
              Discard
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Of what bills: an event for analytics tells a cost, too, which another one bills. */
function costOf({ outcome, cost_nano_usd }: LetterChange): string {
  if (outcome === 'will_be_delivered') return '–';
  return cost_nano_usd === null && outcome !== 'will_be_billed' ? '–' : exactUsd(cost_nano_usd);
}

function Changes({ of: { action, changes } }: { of: Came }) {
  return (
    <Table
      caption={action === 'try' ? 'What a replay would do with each' : 'What became of each'}
      rows={changes}
      keyOf={({ id }) => id}
      columns={[
        { head: 'Letter', cell: ({ id }) => <a href={hashOf('dead-letters', id)}>{id}</a> },
        { head: 'Queue', cell: ({ queue }) => queue },
        { head: 'Outcome', cell: ({ outcome }) => OUTCOMES[outcome][action === 'try' ? 1 : 0] },
        { head: 'Cost', number: true, cell: costOf },
        { head: 'Why', wide: true, cell: ({ why }) => (why === null ? '–' : <Lines text={why} />) },
      ]}
    />
  );
}
