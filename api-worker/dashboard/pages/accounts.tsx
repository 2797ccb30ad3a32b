import { useRef } from 'preact/hooks';
import { dollarsOf, textOf } from '../form.ts';
import { secondsTime, usd } from '../format.ts';
import { idBefore } from '../id-search.ts';
import { Filter } from '../parts/filter.tsx';
import { More } from '../parts/more.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { Submit } from '../parts/submit.tsx';
import { Table } from '../parts/table.tsx';
import { hashOf, type Route, replaceQuery } from '../route.ts';
import { useSession } from '../session.ts';
import type { List } from '../types.ts';
import type { Account, Tier } from '../types-admin.ts';
import { useAction } from '../use-action.ts';
import { useLoad } from '../use-load.ts';
import { usePages } from '../use-pages.ts';
import { AccountPage } from './account.tsx';
import { DollarsField } from './limit-fields.tsx';
import { TierOptions } from './tier-options.tsx';

const PAGE = 50;
const STANDARD = 'standard';

/** All accounts, or one. */
export function Accounts({ route }: { route: Route }) {
  return route.id === null ? <AccountList route={route} /> : <AccountPage key={route.id} id={route.id} />;
}

function AccountList({ route }: { route: Route }) {
  const search = route.query.get('search') ?? '';
  const pages = usePages<Account>('/admin/users', { limit: PAGE, after: idBefore(search) });
  const rows = pages.rows?.filter(({ id }) => id.startsWith(search)) ?? null;
  // Ids come in order: after the first that begins otherwise there are no more.
  const isWhole = rows?.length !== pages.rows?.length;
  return (
    <>
      <div class="head">
        <h1>Accounts</h1>
        <search class="controls">
          <Filter
            label="Id"
            type="search"
            placeholder="begins with"
            value={search}
            onChange={(search) => replaceQuery({ search })}
          />
        </search>
      </div>
      <div class="stack">
        <NewAccount onCreated={pages.reload} />
        <Problem error={pages.error} onRetry={pages.reload} />
        {rows === null ? (
          !pages.error && <Waiting what="accounts" />
        ) : (
          <section class="card" aria-busy={pages.loading}>
            <Table
              caption="Accounts by id"
              rows={rows}
              keyOf={({ id }) => id}
              empty={search === '' ? 'There is no account yet.' : `No account’s id begins with “${search}”.`}
              columns={[
                { head: 'Id', name: true, cell: ({ id }) => <a href={hashOf('accounts', id)}>{id}</a> },
                { head: 'Name', name: true, cell: ({ name }) => name },
                { head: 'Tier', cell: ({ tier }) => tier },
                { head: 'State', cell: (account) => <AccountState of={account} /> },
                {
                  head: 'Budget of a month',
                  number: true,
                  cell: ({ limits: { budget_month_nano_usd: own } }) => (own === null ? 'as the tier' : usd(own)),
                },
                { head: 'Created', cell: ({ created_at }) => secondsTime(created_at) },
              ]}
            />
          </section>
        )}
        {rows && !isWhole && <More of={pages}>More accounts</More>}
      </div>
    </>
  );
}

/** Whether its keys are accepted. */
export function AccountState({ of: { is_active } }: { of: Account }) {
  return <span class={`badge ${is_active ? 'good' : 'bad'}`}>{is_active ? 'active' : 'inactive'}</span>;
}

function NewAccount({ onCreated }: { onCreated: () => void }) {
  const { api } = useSession();
  const form = useRef<HTMLFormElement>(null);
  const action = useAction();
  const tiers = useLoad((signal) => api.get<List<Tier>>('/admin/tiers', {}, signal), []);
  const create = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(form.current ?? undefined);
    action.run(async () => {
      const budget = dollarsOf(given, 'budget_month_nano_usd');
      const account = await api.send<Account>('POST', '/admin/users', {
        ...(textOf(given, 'id') && { id: textOf(given, 'id') }),
        ...(textOf(given, 'name') && { name: textOf(given, 'name') }),
        tier: textOf(given, 'tier'),
        ...(budget !== null && { limits: { budget_month_nano_usd: budget } }),
      });
      form.current?.reset();
      onCreated();
      return `The account “${account.id}” was created. It has no key yet: open it in the list to create one.`;
    });
  };
  return (
    <details class="card">
      <summary>New account</summary>
      <Problem error={tiers.error} onRetry={tiers.reload} />
      {tiers.data && (
        <form ref={form} class="fields" onSubmit={create} aria-busy={action.busy}>
          <label>
            Id
            <input
              name="id"
              pattern="[\w.@:+\-]{1,128}"
              title="Letters, digits and _ . @ : + -"
              placeholder="made up"
            />
          </label>
          <label>
            Name
            <input name="name" maxLength={256} placeholder="as the id" />
          </label>
          <label>
            Tier
            <select name="tier">
              <TierOptions of={tiers.data.data} chosen={STANDARD} />
            </select>
          </label>
          <DollarsField name="budget_month_nano_usd" label="Budget of a month, $" />
          <Submit>Create account</Submit>
        </form>
      )}
      <Outcome of={action} />
    </details>
  );
}
