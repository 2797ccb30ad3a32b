import { insufficient } from '../../auth/authenticate.ts';
import { ALL_ACCOUNTS } from '../../auth/principal.ts';
import type { AppContext } from '../../env.ts';

/**
 * Whose usage a query asks for: the caller's own where it names no account; null: all accounts'.
 *
 * @param asked its `user_id`; null: it has none.
 * @throws ApiError 403 for any but the caller's own, unless the caller is an admin.
 */
export function accountOf(c: AppContext, asked: string | null): string | null {
  const { userId, permissions } = c.var.principal;
  if (asked === null || asked === userId) return userId;
  if (!permissions.includes('admin')) throw insufficient(c, 'admin');
  return asked === ALL_ACCOUNTS ? null : asked;
}
