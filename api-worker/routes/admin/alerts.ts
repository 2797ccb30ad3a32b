import type { AppContext } from '../../env.ts';
import { inDatabase, seconds } from './change.ts';

/** As in alerts of schema.sql. */
interface Row {
  name: string;
  state: 'ok' | 'firing';
  value: number | null;
  threshold: number;
  changed_at: number;
  told_at: number | null;
  checked_at: number;
}

/** GET /admin/alerts: the state of each alert that is on, as last measured. */
export async function listAlerts(c: AppContext): Promise<Response> {
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(
      'SELECT name, state, value, threshold, changed_at, told_at, checked_at FROM alerts ORDER BY name',
    ).all<Row>(),
  );
  return c.json({
    object: 'list',
    data: results.map((row) => ({
      object: 'alert',
      ...row,
      changed_at: seconds(row.changed_at),
      told_at: seconds(row.told_at),
      checked_at: seconds(row.checked_at),
    })),
  });
}
