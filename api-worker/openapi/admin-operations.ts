import type * as z from 'zod';
import { AuditQuery } from '../routes/admin/audit-log.ts';
import { KeysQuery } from '../routes/admin/keys.ts';
import { PageQuery } from '../routes/admin/page.ts';
import type { ErrorStatus } from './components.ts';
import type { Operation } from './operation.ts';
import type { SchemaName } from './schemas.ts';

type Rest = Pick<Operation, 'description' | 'body' | 'query' | 'pathExample'> & {
  /** What it answers with, at which status if not 200. */
  json: SchemaName;
  status?: 200 | 201;
  errors?: readonly ErrorStatus[];
};

const USER = { pathExample: 'ada', errors: [404] } as const;
const KEY = { pathExample: 'key_0199…', errors: [404] } as const;
const KEY_FIELDS =
  '`permissions`: `read` and `write` unless others are named. `rate_limit`: requests a minute of this key alone. `expires_at`: Unix seconds.';

/** What admins do: accounts, keys, tiers, the audit log. */
export const ADMIN_OPERATIONS: readonly Operation[] = [
  admin('get', '/admin/users', 'listUsers', 'List accounts', { query: paged(PageQuery), json: 'UserPage' }),
  admin('post', '/admin/users', 'createUser', 'Create an account', {
    description: 'Without an `id` it gets one. Its limits are those of its tier, but for those that are named here.',
    body: { schema: 'UserCreation', example: { id: 'ada', tier: 'premium' } },
    json: 'User',
    status: 201,
    errors: [409],
  }),
  admin('get', '/admin/users/{id}', 'retrieveUser', 'Look up an account', { ...USER, json: 'User' }),
  admin('patch', '/admin/users/{id}', 'updateUser', 'Change an account', {
    ...USER,
    description: 'Of an inactive account no key is accepted.',
    body: { schema: 'UserChange', example: { limits: { budget_month_nano_usd: 50_000_000_000 } } },
    json: 'User',
  }),
  admin('post', '/admin/users/{id}/keys', 'createKey', 'Create a key', {
    ...USER,
    description: `The answer is the only place where the key is shown. ${KEY_FIELDS}`,
    body: { schema: 'KeyCreation', example: { name: 'laptop' } },
    json: 'NewKey',
    status: 201,
  }),
  admin('get', '/admin/keys', 'listKeys', 'List keys', {
    description: 'Revoked ones included.',
    query: paged(KeysQuery, { user_id: 'Only of this account.' }),
    json: 'KeyPage',
  }),
  admin('get', '/admin/keys/{id}', 'retrieveKey', 'Look up a key', { ...KEY, json: 'Key' }),
  admin('patch', '/admin/keys/{id}', 'updateKey', 'Change a key', {
    ...KEY,
    description: KEY_FIELDS,
    body: { schema: 'KeyChange', example: { rate_limit: 60 } },
    json: 'Key',
  }),
  admin('delete', '/admin/keys/{id}', 'revokeKey', 'Revoke a key', {
    ...KEY,
    description: 'It is refused everywhere within 60 seconds.',
    json: 'KeyRevoked',
  }),
  admin('post', '/admin/keys/{id}/rotate', 'rotateKey', 'Rotate a key', {
    ...KEY,
    description: 'A new key like it; the old one works on for `overlap_seconds`.',
    body: { schema: 'KeyRotation', example: { overlap_seconds: 3600 } },
    json: 'RotatedKey',
    status: 201,
    errors: [404, 409],
  }),
  admin('get', '/admin/tiers', 'listTiers', 'List the tiers', { json: 'TierList' }),
  admin('patch', '/admin/tiers/{id}', 'updateTier', "Change a tier's limits", {
    description: 'In force for all its accounts within 60 seconds. Null: no limit.',
    pathExample: 'free',
    body: { schema: 'TierChange', example: { requests_per_minute: 20 } },
    json: 'Tier',
    errors: [404],
  }),
  admin('get', '/admin/audit-log', 'listAuditLog', 'Read the audit log', {
    description: 'Every change of accounts, keys and tiers, the newest first.',
    query: paged(AuditQuery),
    json: 'AuditLogPage',
  }),
];

function paged(schema: z.ZodType, meanings: Record<string, string> = {}) {
  return { schema, meanings: { limit: '1 to 100; 20 if left out.', ...meanings } };
}

function admin(
  method: Operation['method'],
  path: string,
  id: string,
  summary: string,
  { json, status = 200, errors = [], ...rest }: Rest,
): Operation {
  const answers = { [status]: { description: status === 201 ? 'Created.' : 'Done.', json } };
  return { method, path, id, tag: 'Administration', summary, permission: 'admin', ...rest, answers, errors };
}
