import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeDeadLetters } from '../support/dead-letter.ts';
import { ENDPOINTS, type Endpoint } from '../support/endpoints.ts';
import { putArchive } from '../support/ledger-archive.ts';
import { putRequests } from '../support/ledger-requests.ts';
import { type System, startSystem } from '../support/system.ts';

const JWT = { JWT_SECRET: 'a secret of the tests, 32 characters or more', JWT_ISSUER: 'tests', JWT_AUDIENCE: 'api' };

function token(header: object, claims: object): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${createHmac('sha256', JWT.JWT_SECRET).update(text).digest('base64url')}`;
}

const claims = (expiresIn: number) => ({
  sub: 'tester',
  permissions: ['read', 'write', 'admin'],
  iss: JWT.JWT_ISSUER,
  aud: JWT.JWT_AUDIENCE,
  exp: Math.floor(Date.now() / 1000) + expiresIn,
});

/** The columns: the credential sent; null for none. All but the first two are of the account `tester`. */
const CREDENTIALS: Record<string, (system: System) => Promise<string | null> | string | null> = {
  'no key': () => null,
  'bad key': () => 'sk-nobody-has-this',
  revoked: ({ createKey }) =>
    createKey('tester', { name: 'revoked', permissions: ['read', 'write', 'admin'], is_active: 0 }),
  read: ({ createKey }) => createKey('tester', { name: 'read', permissions: ['read'] }),
  write: ({ createKey }) => createKey('tester', { name: 'write', permissions: ['write'] }),
  admin: ({ createKey }) => createKey('tester', { name: 'admin', permissions: ['admin'] }),
  "other account's": ({ createKey }) => createKey('tester', { name: 'both', permissions: ['read', 'write'] }),
  'valid JWT': () => token({ alg: 'HS256', typ: 'JWT' }, claims(600)),
  'expired JWT': () => token({ alg: 'HS256', typ: 'JWT' }, claims(-1)),
  'alg none': () => `${token({ alg: 'none', typ: 'JWT' }, claims(600)).split('.').slice(0, 2).join('.')}.`,
};

let system: System;
beforeAll(async () => {
  system = await startSystem(JWT);
  await system.createKey('victim');
  await putArchive(system.db, system.bucket);
  await putRequests(system.db);
  await storeDeadLetters(system.db, [{ id: 'letter_there' }]);
});
afterAll(() => system.stop());

async function status(endpoint: Endpoint, path: string, credential: string | null): Promise<number> {
  // Some endpoints spend the key that they are tried on.
  const spare = path.includes('key_spare');
  if (spare) {
    await system.db.prepare("DELETE FROM api_keys WHERE id = 'key_spare'").run();
    await system.createKey('tester', { name: 'spare' });
  }
  const response = await fetch(system.origin + path, {
    method: endpoint.method,
    headers: {
      ...(credential !== null && { authorization: `Bearer ${credential}` }),
      ...(endpoint.body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(endpoint.body !== undefined && { body: JSON.stringify(endpoint.body) }),
  });
  const text = await response.text();
  if (response.status >= 400) expect(JSON.parse(text).error, 'OpenAI’s envelope').toHaveProperty('message');
  return response.status;
}

describe('every endpoint × every credential', () => {
  it('is answered as docs/access.md says', async () => {
    const names = Object.keys(CREDENTIALS);
    const credentials = await Promise.all(Object.values(CREDENTIALS).map((credential) => credential(system)));
    const rows: string[] = [];
    for (const endpoint of ENDPOINTS) {
      const cells: string[] = [];
      for (const [n, name] of names.entries()) {
        const path = name === "other account's" ? endpoint.victims : endpoint.path;
        const answered = path === undefined ? null : await status(endpoint, path, credentials[n] ?? null);
        cells.push(answered === null ? '–' : String(answered));
        if (answered === null) continue;
        // What must hold, whatever the table says.
        if (!endpoint.permission) expect(answered, endpoint.route).toBe(200);
        else if (['no key', 'bad key', 'revoked', 'expired JWT', 'alg none'].includes(name)) {
          expect(answered, `${endpoint.route}, ${name}`).toBe(401);
        } else if ([name, 'any'].includes(endpoint.permission) || name === 'valid JWT') {
          expect(answered, `${endpoint.route}, ${name}`).toBeLessThan(300);
        } else if (name === "other account's" && endpoint.hides) expect(answered, endpoint.route).toBe(404);
        else expect(answered, `${endpoint.route}, ${name}`).toBe(403);
      }
      rows.push(`| \`${endpoint.method} ${endpoint.route}\` | ${cells.join(' | ')} |`);
    }
    const table = `# Who may do what

Every endpoint with every kind of credential, and the status it is answered with. Written and checked by \`tests/e2e/access.test.ts\`; "other account's" is a key with \`read\` and \`write\` that asks for what belongs to another account, – where there is nothing of the kind.

| | ${names.join(' | ')} |
| --- |${names.map(() => ' --- |').join('')}
${rows.join('\n')}
`;
    await expect(table).toMatchFileSnapshot('../../docs/access.md');
    const { results } = await system.db
      .prepare(
        "SELECT k.is_active, k.name, u.name AS user FROM api_keys k JOIN users u ON u.id = k.user_id WHERE u.id = 'victim'",
      )
      .all();
    expect(results, 'nothing of the victim was touched').toEqual([
      { is_active: 1, name: 'key_victim', user: 'victim' },
    ]);
  });
});
