import { describe, expect, it } from 'vitest';
import { hashOf, routeOf } from '../../../api-worker/dashboard/route.ts';

describe('a place in the dashboard', () => {
  it.each([
    ['', '', null, {}],
    ['#', '', null, {}],
    ['#/', '', null, {}],
    ['#/requests', 'requests', null, {}],
    ['#/requests/019a-b?outcome=error&model=a%2Fb', 'requests', '019a-b', { outcome: 'error', model: 'a/b' }],
    ['#/accounts/a%2Fb%3Fc', 'accounts', 'a/b?c', {}],
    ['#/accounts/a/b', 'accounts', 'a/b', {}],
    ['#/accounts/100%', 'accounts', '100%', {}],
    ['#/?time=30d', '', null, { time: '30d' }],
    ['#/?a=1?b', '', null, { a: '1' }],
  ])('is read from %s', (hash, page, id, query) => {
    const route = routeOf(hash);
    expect([route.page, route.id, Object.fromEntries(route.query)]).toEqual([page, id, query]);
  });

  it('is led to without what is not set', () => {
    expect(hashOf('')).toBe('#/');
    expect(hashOf('requests', null, { outcome: null, model: '', key: 'k' })).toBe('#/requests?key=k');
  });

  it.each(['plain', 'a/b', 'a?b=c#d', 'ü & ö', '100%', '%2F', ' '])('leads to the account “%s” and no other', (id) => {
    const route = routeOf(hashOf('accounts', id, { search: id }));
    expect([route.page, route.id, route.query.get('search')]).toEqual(['accounts', id, id]);
  });
});
