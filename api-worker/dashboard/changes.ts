import type { Account, Granted, KeyGrant, LimitName } from './types-admin.ts';

// A change is what is different, and nothing else: the audit log is to tell that, and what was changed meanwhile by
// somebody else is to stay.

/** What can be changed of an account. */
export type AccountFields = Pick<Account, 'name' | 'tier' | 'is_active' | 'limits'>;
type AccountChange = Partial<Omit<AccountFields, 'limits'>> & { limits?: Partial<Granted> };

/** An account's change, as the API is asked for it. */
export function accountChange(before: AccountFields, after: AccountFields): AccountChange {
  const limits = differing(before.limits, after.limits, Object.keys(after.limits) as LimitName[]);
  return {
    ...differing(before, after, ['name', 'tier', 'is_active']),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

/** A key's change, as the API is asked for it. */
export function keyChange(before: KeyGrant, after: KeyGrant): Partial<KeyGrant> {
  const isSame = before.permissions.toSorted().join() === after.permissions.toSorted().join();
  return {
    ...differing(before, after, ['name', 'rate_limit', 'tier', 'resume', 'privacy', 'expires_at']),
    ...(!isSame && { permissions: after.permissions }),
  };
}

function differing<T, Name extends keyof T>(before: T, after: T, names: readonly Name[]): Partial<Pick<T, Name>> {
  const change: Partial<Pick<T, Name>> = {};
  for (const name of names) if (before[name] !== after[name]) change[name] = after[name];
  return change;
}
