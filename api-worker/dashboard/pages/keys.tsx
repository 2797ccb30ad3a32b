import { useRef, useState } from 'preact/hooks';
import { count, secondsTime } from '../format.ts';
import { More } from '../parts/more.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { Submit } from '../parts/submit.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { useSession } from '../session.ts';
import type { Account, ApiKey, NewKey, Tier } from '../types-admin.ts';
import { useAction } from '../use-action.ts';
import type { Pages } from '../use-pages.ts';
import { ChangeKey, RevokeKey, RotateKey, ShownOnce } from './key-dialogs.tsx';
import { grantOf, KeyFields } from './key-fields.tsx';

interface Props {
  account: Account;
  tiers: readonly Tier[];
  keys: Pages<ApiKey>;
  onChanged: () => void;
}

/** The dialog that is open over the keys. */
type Open = { ask: 'change' | 'rotate' | 'revoke'; of: ApiKey } | { ask: null; of: NewKey };

/** An account's keys: created, changed, rotated and revoked here. */
export function Keys({ account, tiers, keys, onChanged }: Props) {
  const action = useAction();
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  const done = (text: string, made?: NewKey) => {
    setOpen(made ? { ask: null, of: made } : null);
    action.say(text);
    onChanged();
  };
  return (
    <section class="card" aria-labelledby="keys">
      <h2 id="keys">Keys</h2>
      <Outcome of={action} />
      <Problem error={keys.error} onRetry={keys.reload} />
      {keys.rows === null ? (
        !keys.error && <Waiting what="keys" />
      ) : (
        <div aria-busy={keys.loading}>
          <Table
            caption={`Keys of ${account.id}`}
            rows={keys.rows}
            keyOf={({ id }) => id}
            empty="It has no key yet."
            columns={columns((ask, of) => setOpen({ ask, of }))}
          />
        </div>
      )}
      <More of={keys}>More keys</More>
      <NewKeyForm account={account} tiers={tiers} onDone={done} />
      {open?.ask === 'change' && <ChangeKey of={open.of} tiers={tiers} onClose={close} onDone={done} />}
      {open?.ask === 'rotate' && <RotateKey of={open.of} onClose={close} onDone={done} />}
      {open?.ask === 'revoke' && <RevokeKey of={open.of} onClose={close} onDone={done} />}
      {open?.ask === null && <ShownOnce of={open.of} onClose={close} />}
    </section>
  );
}

function columns(ask: (what: 'change' | 'rotate' | 'revoke', of: ApiKey) => void): Column<ApiKey>[] {
  return [
    { head: 'Name', name: true, cell: ({ name }) => name },
    { head: 'Begins with', cell: ({ prefix }) => <code>{prefix}…</code> },
    { head: 'State', cell: (key) => <KeyState of={key} /> },
    { head: 'May', cell: ({ permissions }) => permissions.join(', ') },
    { head: 'Own rate', cell: ({ rate_limit }) => (rate_limit === null ? '–' : `${count(rate_limit)} a minute`) },
    { head: 'Tier', cell: ({ tier }) => tier ?? '–' },
    {
      head: 'Requests',
      cell: ({ resume, privacy }) => [resume && 'resume', privacy && 'privacy'].filter(Boolean).join(', ') || '–',
    },
    { head: 'Expires', cell: ({ expires_at }) => secondsTime(expires_at) },
    { head: 'Last used', cell: ({ last_used_at }) => secondsTime(last_used_at) },
    {
      head: 'Actions',
      cell: (key) =>
        key.is_active && (
          <>
            <KeyButton of={key} says="Change" onClick={() => ask('change', key)} />
            {!hasExpired(key) && <KeyButton of={key} says="Rotate" onClick={() => ask('rotate', key)} />}
            <KeyButton of={key} says="Revoke" onClick={() => ask('revoke', key)} />
          </>
        ),
    },
  ];
}

function KeyButton({ of: { name }, says, onClick }: { of: ApiKey; says: string; onClick: () => void }) {
  return (
    <button type="button" class="quiet" onClick={onClick}>
      {says}
      <span class="unseen"> {name}</span>
    </button>
  );
}

function KeyState({ of: key }: { of: ApiKey }) {
  if (!key.is_active) return <span class="badge bad">revoked</span>;
  if (hasExpired(key)) return <span class="badge soft">expired</span>;
  return <span class="badge good">active</span>;
}

function hasExpired({ expires_at }: ApiKey): boolean {
  return expires_at !== null && expires_at * 1_000 <= Date.now();
}

interface NewKeyProps {
  account: Account;
  tiers: readonly Tier[];
  onDone: (text: string, made: NewKey) => void;
}

function NewKeyForm({ account, tiers, onDone }: NewKeyProps) {
  const { api } = useSession();
  const form = useRef<HTMLFormElement>(null);
  const action = useAction();
  const create = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(form.current ?? undefined);
    action.run(async () => {
      const path = `/admin/users/${encodeURIComponent(account.id)}/keys`;
      const made = await api.send<NewKey>('POST', path, grantOf(given));
      form.current?.reset();
      onDone(`The key “${made.name}” was created.`, made);
      return null;
    });
  };
  return (
    <details>
      <summary>New key</summary>
      <form ref={form} class="fields" onSubmit={create} aria-busy={action.busy}>
        <KeyFields tiers={tiers} />
        <Submit>Create key</Submit>
      </form>
      <Problem error={action.error} />
    </details>
  );
}
