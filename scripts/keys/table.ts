import { type Column, minute, table } from '../table.ts';

/** A key as the Admin API shows it. */
export interface Shown {
  id: string;
  user_id: string;
  name: string;
  prefix: string;
  permissions: string[];
  tier: string | null;
  rate_limit: number | null;
  is_active: boolean;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  /** Only of a key that was just created. */
  key?: string;
}

const COLUMNS: readonly Column<Shown>[] = [
  ['id', ({ id }) => id],
  ['user', ({ user_id }) => user_id],
  ['name', ({ name }) => name],
  ['key', ({ prefix }) => `${prefix}…`],
  ['permissions', ({ permissions }) => permissions.join(',')],
  ['tier', ({ tier }) => tier ?? '–'],
  ['per minute', ({ rate_limit }) => String(rate_limit ?? '–')],
  ['state', state],
  ['created', ({ created_at }) => minute(created_at)],
  ['last used', ({ last_used_at }) => minute(last_used_at)],
];

/** Keys as a table for people. */
export function keyTable(keys: readonly Shown[]): string {
  return keys.length === 0 ? 'no keys' : table(COLUMNS, keys);
}

function state({ is_active, expires_at }: Shown): string {
  if (!is_active) return 'revoked';
  if (expires_at === null) return 'active';
  return expires_at * 1000 <= Date.now() ? 'expired' : `until ${minute(expires_at)}`;
}
