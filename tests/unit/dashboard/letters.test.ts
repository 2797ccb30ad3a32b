import { describe, expect, it } from 'vitest';
import { summaryOf } from '../../../api-worker/dashboard/dead-letter-changes.ts';
import type { LetterChange } from '../../../api-worker/dashboard/types-admin.ts';

describe('what became of letters', () => {
  const change = (outcome: LetterChange['outcome'], cost_nano_usd: number | null = null): LetterChange => ({
    ...{ id: `${outcome} ${cost_nano_usd}`, queue: 'q', request_id: null, cost_nano_usd, outcome, why: null },
  });
  const changes = [change('will_be_billed', 1_000_000_001), change('will_be_billed', 1), change('refused', 7)];

  it('is summed up with the dollars that will be billed', () => {
    expect(summaryOf(changes, 'replay')).toBe('2 sent to be billed ($1.000000002), 1 refused.');
    expect(summaryOf([change('discarded', 5)], 'discard')).toBe('1 discarded.');
    expect(summaryOf([], 'replay')).toBe('There was nothing to do.');
  });

  it('is said to be only tried where it is', () => {
    expect(summaryOf(changes, 'try')).toBe(
      'Only tried, nothing was done: 2 would be billed ($1.000000002), 1 would be refused.',
    );
  });

  it('counts the cost of a request once, and tells what is not known', () => {
    const twice = { ...change('will_be_billed', 5), request_id: 'r' };
    const [one, other] = [twice, { ...twice, id: 'b' }];
    expect(summaryOf([one, other], 'replay')).toBe('2 sent to be billed ($0.000000005).');
    expect(summaryOf([change('will_be_billed')], 'try')).toContain('1 would be billed (cost unknown).');
    expect(summaryOf([one, change('will_be_billed')], 'replay')).toBe(
      '2 sent to be billed ($0.000000005, and 1 of unknown cost).',
    );
  });
});
