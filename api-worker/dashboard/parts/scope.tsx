import { useId } from 'preact/hooks';
import { useSession } from '../session.ts';
import type { List } from '../types.ts';
import { useLoad } from '../use-load.ts';
import { Filter } from './filter.tsx';

/** Stands for all accounts, as the API's `user_id` does. */
export const EVERYONE = '*';

/** It as it is typed: with a space, which no account's id has. */
const EVERYONE_TYPED = 'all accounts';

/** So many accounts are offered by name; others are typed. */
const OFFERED = 100;

interface Props {
  /** An account, EVERYONE, or null for one's own. */
  value: string | null;
  onChange: (value: string | null) => void;
}

/** Whose usage is shown: for admins, who may see all of it. */
export function Scope({ value, onChange }: Props) {
  const { api, me, isAdmin } = useSession();
  const id = useId();
  const accounts = useLoad(
    async (signal) => (isAdmin ? api.get<List<{ id: string }>>('/admin/users', { limit: OFFERED }, signal) : null),
    [isAdmin],
  );
  if (!isAdmin) return null;
  return (
    <Filter
      label="Account"
      list={id}
      placeholder={me.user_id}
      value={value === EVERYONE ? EVERYONE_TYPED : value}
      onChange={(asked) => onChange(asked === EVERYONE_TYPED ? EVERYONE : asked === me.user_id ? null : asked)}
    >
      <datalist id={id}>
        <option value={EVERYONE_TYPED} />
        {accounts.data?.data.map((account) => (
          <option key={account.id} value={account.id} />
        ))}
      </datalist>
    </Filter>
  );
}
