import { expect, it } from 'vitest';
import { call } from './support.ts';

// In a file of its own: what was last seen is remembered for the life of an isolate.
it('GET /health answers 503 while the upstream is down, and says which component', async () => {
  const answer = await call('/health', { env: { UPSTREAM_BASE_URL: 'http://127.0.0.1:9' } });
  expect(answer.status).toBe(503);
  expect(JSON.parse(answer.text)).toMatchObject({
    status: 'down',
    components: { database: 'up', upstream: 'down', analytics: 'off' },
  });
});
