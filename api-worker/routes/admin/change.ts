import { uuidv7 } from '../../../shared/ids.ts';
import { addressOf } from '../../auth/address.ts';
import type { AppContext } from '../../env.ts';
import { ApiError, unavailable } from '../../http/errors.ts';

const AUDIT = `
  INSERT INTO audit_log (id, actor_user_id, actor_key_id, action, target, changes, address, request_id, created_at)
  SELECT value->>'id', ?2, ?3, value->>'action', value->>'target', value->>'changes', ?4, ?5, ?6 FROM json_each(?1)`;

/** What the audit log says of a change. */
export interface Change {
  action:
    | 'user.create'
    | 'user.update'
    | 'key.create'
    | 'key.update'
    | 'key.rotate'
    | 'key.revoke'
    | 'tier.update'
    | 'price.set'
    | 'rerate.apply'
    | 'dead_letter.replay'
    | 'dead_letter.discard'
    | 'ledger.restore';
  /** The id of what is changed. */
  target: string;
  /** The fields as they are set. Never a key. */
  changes: Record<string, unknown>;
}

/** Makes a change, or several, and their entries in the audit log: all or nothing. */
export async function apply(
  c: AppContext,
  change: Change | readonly Change[],
  statements: readonly D1PreparedStatement[],
): Promise<void> {
  const { userId, keyId } = c.var.principal;
  const now = Date.now();
  const entries = [change].flat().map(({ action, target, changes }) => ({
    id: uuidv7(now),
    action,
    target,
    changes: JSON.stringify(changes),
  }));
  const audit = c.env.DB.prepare(AUDIT).bind(
    JSON.stringify(entries),
    userId,
    keyId,
    addressOf(c),
    c.var.requestId,
    now,
  );
  await inDatabase(() => c.env.DB.batch([...statements, audit]));
}

/** D1's answer; 503 when there is none. */
export async function inDatabase<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw unavailable('The database cannot be reached at the moment. Please try again.', cause);
  }
}

/** 404 for what an id does not name. */
export function notFound(what: string, id: string): ApiError {
  return new ApiError(404, {
    message: `No ${what} with the id '${id.slice(0, 128)}'.`,
    code: `${what.replaceAll(' ', '_')}_not_found`,
  });
}

/** Unix ms in a row as the Unix seconds of OpenAI's objects. */
export function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1000);
}
