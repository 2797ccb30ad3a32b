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

const COLUMNS: readonly [string, (key: Shown) => string][] = [
  ['id', ({ id }) => id],
  ['user', ({ user_id }) => user_id],
  ['name', ({ name }) => name],
  ['key', ({ prefix }) => `${prefix}…`],
  ['permissions', ({ permissions }) => permissions.join(',')],
  ['tier', ({ tier }) => tier ?? '–'],
  ['per minute', ({ rate_limit }) => String(rate_limit ?? '–')],
  ['state', state],
  ['created', ({ created_at }) => date(created_at)],
  ['last used', ({ last_used_at }) => date(last_used_at)],
];

/** Keys as a table for people. */
export function keyTable(keys: readonly Shown[]): string {
  if (keys.length === 0) return 'no keys';
  const rows = [COLUMNS.map(([name]) => name), ...keys.map((key) => COLUMNS.map(([, cell]) => cell(key)))];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function state({ is_active, expires_at }: Shown): string {
  if (!is_active) return 'revoked';
  if (expires_at === null) return 'active';
  return expires_at * 1000 <= Date.now() ? 'expired' : `until ${date(expires_at)}`;
}

function date(seconds: number | null): string {
  return seconds === null ? '–' : new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ');
}
