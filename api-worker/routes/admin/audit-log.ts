import * as z from 'zod';
import type { AppContext } from '../../env.ts';
import { readQuery } from '../../http/input.ts';
import { inDatabase, seconds } from './change.ts';
import { PageQuery, pageOf } from './page.ts';

export const AuditQuery = PageQuery.extend({ target: z.string().max(256).optional() });

interface Row {
  id: string;
  changes: string;
  created_at: number;
}

/** GET /admin/audit-log: every change of users, keys and tiers, the newest first; of one `target` if named. */
export async function listAuditLog(c: AppContext): Promise<Response> {
  const { limit, after, target } = readQuery(c, AuditQuery);
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(
      `SELECT * FROM audit_log
        WHERE (?1 = '' OR id < ?1) AND (?3 IS NULL OR target = ?3)
        ORDER BY id DESC LIMIT ?2`,
    )
      .bind(after, limit + 1, target ?? null)
      .all<Row>(),
  );
  const entries = results.map((row) => ({
    object: 'audit_log.entry',
    ...row,
    changes: JSON.parse(row.changes) as unknown,
    created_at: seconds(row.created_at),
  }));
  return c.json(pageOf(entries, limit));
}
