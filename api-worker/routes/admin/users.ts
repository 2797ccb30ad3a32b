import * as z from 'zod';
import { uuidv7 } from '../../../shared/ids.ts';
import { keyName } from '../../auth/authenticate.ts';
import { forget, forgetAll } from '../../auth/findings.ts';
import type { AppContext } from '../../env.ts';
import { ApiError } from '../../http/errors.ts';
import { readBody, readQuery } from '../../http/input.ts';
import { LIMIT_NAMES, type Limits } from '../../limits/limits.ts';
import { apply, inDatabase, notFound, seconds } from './change.ts';
import { LimitsChange, requireTier, setLimits } from './limits.ts';
import { PageQuery, pageOf } from './page.ts';

const name = z.string().trim().min(1).max(256);
const tier = z.string().min(1).max(64);

/** An id of the operator's own, or one of ours if left out. */
export const UserCreation = z.strictObject({
  id: z
    .string()
    .regex(/^[\w.@:+-]{1,128}$/)
    .optional(),
  name: name.optional(),
  tier: tier.optional(),
  limits: LimitsChange.optional(),
});

export const UserChange = z
  .strictObject({
    name: name.optional(),
    tier: tier.optional(),
    is_active: z.boolean().optional(),
    limits: LimitsChange.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, { message: 'Nothing to change: the request body is empty.' })
  .meta({ minProperties: 1 });

type Row = Limits & { id: string; name: string; tier: string; is_active: number; created_at: number };

const SELECT = `
  SELECT u.id, u.name, u.tier, u.is_active, u.created_at, ${LIMIT_NAMES.map((limit) => `own.${limit}`).join(', ')}
    FROM users u LEFT JOIN rate_limits own ON own.scope = 'account' AND own.subject = u.id`;

/** POST /admin/users */
export async function createUser(c: AppContext): Promise<Response> {
  const { id = `user_${uuidv7()}`, tier = 'standard', limits, ...rest } = await readBody(c, UserCreation);
  const name = rest.name ?? id;
  await requireTier(c, tier);
  if (await readUser(c, id)) throw userExists(id);
  const creating = apply(c, { action: 'user.create', target: id, changes: { name, tier, ...(limits && { limits }) } }, [
    c.env.DB.prepare('INSERT INTO users (id, name, tier, created_at) VALUES (?1, ?2, ?3, ?4)').bind(
      id,
      name,
      tier,
      Date.now(),
    ),
    ...(limits ? [setLimits(c.env.DB, 'account', id, limits)] : []),
  ]);
  await creating.catch(async (error: unknown) => {
    // Another request may have been faster.
    throw (await readUser(c, id)) ? userExists(id) : error;
  });
  return c.json(await requireUser(c, id), 201);
}

function userExists(id: string): ApiError {
  return new ApiError(409, {
    message: `A user with the id '${id}' exists already.`,
    param: 'id',
    code: 'user_exists',
  });
}

/** GET /admin/users */
export async function listUsers(c: AppContext): Promise<Response> {
  const { limit, after } = readQuery(c, PageQuery);
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(`${SELECT} WHERE u.id > ?1 ORDER BY u.id LIMIT ?2`)
      .bind(after, limit + 1)
      .all<Row>(),
  );
  return c.json(pageOf(results.map(shown), limit));
}

/** GET /admin/users/{id} */
export async function retrieveUser(c: AppContext): Promise<Response> {
  return c.json(await requireUser(c, c.req.param('id') ?? ''));
}

/** PATCH /admin/users/{id}: name, tier, limits and budgets; inactive, none of its keys is accepted. */
export async function updateUser(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const { limits, ...columns } = await readBody(c, UserChange);
  await requireUser(c, id);
  await requireTier(c, columns.tier);
  const { DB } = c.env;
  const update = DB.prepare(
    'UPDATE users SET name = coalesce(?2, name), tier = coalesce(?3, tier), is_active = coalesce(?4, is_active) WHERE id = ?1',
  ).bind(
    id,
    columns.name ?? null,
    columns.tier ?? null,
    columns.is_active === undefined ? null : Number(columns.is_active),
  );
  await apply(c, { action: 'user.update', target: id, changes: { ...columns, ...(limits && { limits }) } }, [
    update,
    ...(limits ? [setLimits(DB, 'account', id, limits)] : []),
  ]);
  await forgetUser(c, id);
  return c.json(await requireUser(c, id));
}

/** The user as the API shows it; 404 if there is none. */
export async function requireUser(c: AppContext, id: string) {
  const row = await readUser(c, id);
  if (!row) throw notFound('user', id);
  return shown(row);
}

function readUser(c: AppContext, id: string): Promise<Row | null> {
  return inDatabase(() => c.env.DB.prepare(`${SELECT} WHERE u.id = ?1`).bind(id).first<Row>());
}

/** What was known of the account's keys and tokens is no longer so. */
async function forgetUser(c: AppContext, id: string): Promise<void> {
  forgetAll();
  const { results } = await inDatabase(() =>
    c.env.DB.prepare('SELECT key_hash FROM api_keys WHERE user_id = ?1 AND is_active = 1')
      .bind(id)
      .all<{ key_hash: string }>(),
  );
  await forget(
    c.env,
    results.map(({ key_hash }) => keyName(key_hash)),
  );
}

function shown({ id, name, tier, is_active, created_at, ...limits }: Row) {
  return {
    object: 'user',
    id,
    name,
    tier,
    is_active: is_active === 1,
    /** The account's own; null: as its tier. */
    limits,
    created_at: seconds(created_at),
  };
}
