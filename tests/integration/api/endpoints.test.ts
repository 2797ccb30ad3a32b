import { expect, it } from 'vitest';
import { app } from '../../../api-worker/app.ts';
import { ENDPOINTS } from '../../support/endpoints.ts';

it('the endpoints that are tested against every credential are all that there are', () => {
  const routes = app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`);
  // Middleware of some methods, no endpoint.
  const endpoints = [...new Set(routes)].filter((route) => !route.endsWith('/*'));
  expect(endpoints.toSorted()).toEqual(ENDPOINTS.map(({ method, route }) => `${method} ${route}`).toSorted());
});
