/** An endpoint as a test calls it. */
export interface Endpoint {
  method: string;
  /** As in app.ts. */
  route: string;
  /** A path of it that exists. */
  path: string;
  /** `any`: any valid credential will do. Missing: none is needed. */
  permission?: 'read' | 'write' | 'admin' | 'any';
  body?: unknown;
  /** A path of it that belongs to the account `victim`; missing: it shows none but the caller's own, or nobody's. */
  victims?: string;
  /** Whether what belongs to another account is not found, rather than forbidden. */
  hides?: true;
}

/** Requests in the ledger, where they were put (ledger-requests.ts): of `tester`, and of `victim`. */
export const REQUEST = '019b7af6-7400-7000-8000-00000000000a';
export const VICTIMS_REQUEST = '019b7af6-7400-7000-8000-00000000000b';

/** An archive of the ledger, where one was put (ledger-archive.ts). */
export const ARCHIVE = 'ledger/2026/01/02/of-the-tests.ndjson.gz';

const CHAT = { model: 'openai/gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }] };

/** Every endpoint there is: a test sees to it that app.ts has no other. */
export const ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', route: '/health', path: '/health' },
  { method: 'GET', route: '/openapi.json', path: '/openapi.json' },
  { method: 'GET', route: '/docs', path: '/docs' },
  { method: 'GET', route: '/docs/scalar.js', path: '/docs/scalar.js' },
  { method: 'GET', route: '/docs/init.js', path: '/docs/init.js' },
  { method: 'GET', route: '/dashboard', path: '/dashboard' },
  { method: 'GET', route: '/dashboard/main.js', path: '/dashboard/main.js' },
  { method: 'GET', route: '/dashboard/main.css', path: '/dashboard/main.css' },
  { method: 'POST', route: '/v1/chat/completions', path: '/v1/chat/completions', permission: 'write', body: CHAT },
  {
    method: 'POST',
    route: '/v1/completions',
    path: '/v1/completions',
    permission: 'write',
    body: { model: CHAT.model, prompt: 'Hello' },
  },
  {
    method: 'POST',
    route: '/v1/responses',
    path: '/v1/responses',
    permission: 'write',
    body: { model: CHAT.model, input: 'Hello' },
  },
  {
    method: 'POST',
    route: '/v1/embeddings',
    path: '/v1/embeddings',
    permission: 'write',
    body: { model: 'openai/text-embedding-3-small', input: 'Hello' },
  },
  { method: 'DELETE', route: '/v1/cache', path: '/v1/cache', permission: 'write' },
  { method: 'GET', route: '/v1/models', path: '/v1/models', permission: 'read' },
  { method: 'GET', route: '/v1/models/:id{.+}', path: '/v1/models/openai/gpt-5-mini', permission: 'read' },
  { method: 'GET', route: '/v1/key', path: '/v1/key', permission: 'any' },
  ...usage('/usage'),
  ...usage('/usage/latency'),
  ...usage('/usage/requests'),
  ...usage('/usage/requests/:id', {
    path: `/usage/requests/${REQUEST}`,
    victims: `/usage/requests/${VICTIMS_REQUEST}`,
    hides: true,
  }),
  ...admin('GET', '/v1/organization/usage/completions', '/v1/organization/usage/completions?start_time=0', {
    victims: '/v1/organization/usage/completions?start_time=0&user_ids=victim',
  }),
  ...admin('GET', '/v1/organization/costs', '/v1/organization/costs?start_time=0', {
    victims: '/v1/organization/costs?start_time=0&api_key_ids=key_victim',
  }),
  ...admin('GET', '/admin/users'),
  ...admin('POST', '/admin/users', '/admin/users', { body: {} }),
  ...admin('GET', '/admin/users/:id', '/admin/users/tester', { victims: '/admin/users/victim' }),
  ...admin('PATCH', '/admin/users/:id', '/admin/users/tester', { body: { name: 'x' }, victims: '/admin/users/victim' }),
  ...admin('POST', '/admin/users/:id/keys', '/admin/users/tester/keys', {
    body: {},
    victims: '/admin/users/victim/keys',
  }),
  ...admin('GET', '/admin/keys', '/admin/keys', { victims: '/admin/keys?user_id=victim' }),
  ...admin('GET', '/admin/keys/:id', '/admin/keys/key_spare', { victims: '/admin/keys/key_victim' }),
  ...admin('PATCH', '/admin/keys/:id', '/admin/keys/key_spare', {
    body: { name: 'x' },
    victims: '/admin/keys/key_victim',
  }),
  ...admin('POST', '/admin/keys/:id/rotate', '/admin/keys/key_spare/rotate', {
    body: {},
    victims: '/admin/keys/key_victim/rotate',
  }),
  ...admin('DELETE', '/admin/keys/:id', '/admin/keys/key_spare', { victims: '/admin/keys/key_victim' }),
  ...admin('GET', '/admin/tiers'),
  ...admin('PATCH', '/admin/tiers/:id', '/admin/tiers/free', { body: { requests_per_minute: 20 } }),
  ...admin('GET', '/admin/prices'),
  ...admin('POST', '/admin/prices', '/admin/prices', { body: { model: 'a/model', prompt: '0', completion: '0' } }),
  ...admin('POST', '/admin/rerate', '/admin/rerate', { body: { from: '2026-11-01', to: '2026-11-02' } }),
  ...admin('GET', '/admin/audit-log', '/admin/audit-log', { victims: '/admin/audit-log?target=victim' }),
  ...admin('GET', '/admin/billing', '/admin/billing?month=2026-11', {
    victims: '/admin/billing?month=2026-11&user_id=victim',
  }),
  ...admin('GET', '/admin/latency', '/admin/latency', { victims: '/admin/latency?user_id=victim' }),
  ...admin('GET', '/admin/alerts'),
  ...admin('GET', '/admin/upstream'),
  ...admin('GET', '/admin/account-comparisons'),
  ...admin('GET', '/admin/dead-letters'),
  ...admin('GET', '/admin/dead-letters/summary'),
  ...admin('GET', '/admin/dead-letters/:id', '/admin/dead-letters/letter_there'),
  ...admin('POST', '/admin/dead-letters/replay', '/admin/dead-letters/replay', { body: { filter: {}, dry_run: true } }),
  ...admin('POST', '/admin/dead-letters/discard', '/admin/dead-letters/discard', {
    body: { ids: ['letter_there'], dry_run: true },
  }),
  ...admin('GET', '/admin/ledger-archives'),
  ...admin('POST', '/admin/ledger-archives/:id{.+}/restore', `/admin/ledger-archives/${ARCHIVE}/restore`, { body: {} }),
];

/** What is there twice, by itself and below `/v1`. */
function usage(
  route: string,
  { path, victims, hides }: { path: string; victims: string; hides?: true } = {
    path: route,
    victims: `${route}?user_id=victim`,
  },
): Endpoint[] {
  return ['', '/v1'].map((base) => ({
    ...{ method: 'GET', route: base + route, path: base + path, permission: 'read', victims: base + victims },
    ...(hides && { hides }),
  }));
}

function admin(method: string, route: string, path = route, rest: Pick<Endpoint, 'body' | 'victims'> = {}): Endpoint[] {
  return [{ method, route, path, permission: 'admin', ...rest }];
}
