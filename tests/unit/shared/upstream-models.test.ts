import { describe, expect, it, vi } from 'vitest';
import { listUpstreamModels, nextPage } from '../../../shared/upstream-models.ts';

describe('nextPage', () => {
  const current = 'https://upstream.example/api/v1/models';

  it.each([
    [null, null],
    ['/api/v1/models?page=2', 'https://upstream.example/api/v1/models?page=2'],
    ['https://upstream.example/more', 'https://upstream.example/more'],
    ['https://elsewhere.example/api/v1/models?page=2', null],
    ['http://upstream.example/api/v1/models?page=2', null],
  ])('%s leads to %s', (next, url) => expect(nextPage(next, current)).toBe(url));
});

describe('the list of models', () => {
  const upstream = { UPSTREAM_BASE_URL: 'https://upstream.example/api/v1' };
  /** An upstream that lists a model a page. */
  const listing = (pages: number) =>
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (url) => {
      const page = Number(new URL(String(url)).searchParams.get('page') ?? 1);
      return Response.json({ data: [{ id: `m${page}` }], links: { next: page < pages ? `?page=${page + 1}` : null } });
    });

  it('is whole', async () => {
    listing(20);
    expect(await listUpstreamModels(upstream)).toHaveLength(20);
  });

  it('is none where it has more pages than are read', async () => {
    listing(21);
    await expect(listUpstreamModels(upstream)).rejects.toThrow('model list: more than 20 pages');
  });
});
