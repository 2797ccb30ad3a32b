import type { Account, Granted, LimitName } from './types-admin.ts';

/** What can be changed of an account. */
export type AccountFields = Pick<Account, 'name' | 'tier' | 'is_active' | 'limits'>;
type Change = Partial<Omit<AccountFields, 'limits'>> & { limits?: Partial<Granted> };

/** What is different, as the API is asked for it: the audit log is to tell that, and nothing else. */
export function changeOf(before: AccountFields, after: AccountFields): Change {
  const fields = (['name', 'tier', 'is_active'] as const).filter((field) => before[field] !== after[field]);
  const limits = (Object.keys(after.limits) as LimitName[]).filter(
    (name) => before.limits[name] !== after.limits[name],
  );
  return {
    ...Object.fromEntries(fields.map((field) => [field, after[field]])),
    ...(limits.length > 0 && { limits: Object.fromEntries(limits.map((name) => [name, after.limits[name]])) }),
  };
}
