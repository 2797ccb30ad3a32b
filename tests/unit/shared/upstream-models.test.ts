import { describe, expect, it } from 'vitest';
import { nextPage } from '../../../shared/upstream-models.ts';

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
