import { useState } from 'preact/hooks';
import { accountChange } from '../changes.ts';
import { textOf } from '../form.ts';
import { Outcome } from '../parts/outcome.tsx';
import { Submit } from '../parts/submit.tsx';
import { useSession } from '../session.ts';
import type { Account, Tier } from '../types-admin.ts';
import { useAction } from '../use-action.ts';
import { LimitFields, limitsOf } from './limit-fields.tsx';
import { TierOptions } from './tier-options.tsx';

interface Props {
  account: Account;
  tiers: readonly Tier[];
  onChanged: () => void;
}

/** What an account is granted, to be changed. */
export function AccountForm({ account, tiers, onChanged }: Props) {
  const { api } = useSession();
  const action = useAction();
  const [tier, setTier] = useState(account.tier);
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    action.run(async () => {
      const change = accountChange(account, {
        name: textOf(given, 'name'),
        tier: textOf(given, 'tier'),
        is_active: given.has('is_active'),
        limits: limitsOf(given),
      });
      if (Object.keys(change).length === 0) return 'Nothing is different: nothing was changed.';
      await api.send('PATCH', `/admin/users/${encodeURIComponent(account.id)}`, change);
      onChanged();
      if (change.is_active === false) return 'Saved. Within a minute none of its keys is accepted any more.';
      return 'Saved. In force everywhere within a minute.';
    });
  };
  return (
    <section class="card" aria-labelledby="granted">
      <h2 id="granted">What it is granted</h2>
      <form class="fields" onSubmit={save} aria-busy={action.busy}>
        <label>
          Name
          <input name="name" required maxLength={256} defaultValue={account.name} />
        </label>
        <label>
          Tier
          <select name="tier" onChange={({ currentTarget }) => setTier(currentTarget.value)}>
            <TierOptions of={tiers} chosen={account.tier} />
          </select>
        </label>
        <LimitFields own={account.limits} tier={tiers.find(({ id }) => id === tier)?.limits ?? null} />
        <label class="check wide">
          <input type="checkbox" name="is_active" defaultChecked={account.is_active} />
          Active: its keys are accepted
        </label>
        <Submit>Save</Submit>
      </form>
      <Outcome of={action} />
    </section>
  );
}
