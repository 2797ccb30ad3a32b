import { describe, expect, it } from 'vitest';
import { inOrder, wordsOf } from '../../api-worker/dashboard/alert-words.ts';
import type { AlertState } from '../../api-worker/dashboard/types-admin.ts';
import { ALERTS } from '../../consumer-worker/alerts/alerts.ts';

const alert = (name: string, state: AlertState['state'] = 'ok'): AlertState => ({
  ...{ name, state, value: 1, threshold: 5, changed_at: 0, told_at: null, checked_at: 0 },
});

describe('alerts in the dashboard', () => {
  it.each(ALERTS.map(({ name, unit }) => [name, unit]))('%s has words, and its unit: %s', (name, unit) => {
    const { title, measures, format } = wordsOf(alert(name));
    expect(title).not.toBe(name);
    expect(measures).not.toBe('');
    expect(format(2)).toBe(unit === 'USD' ? '$2.00' : `2 ${unit}`);
  });

  it('that are new are told by their names', () => {
    expect(wordsOf(alert('brand_new'))).toMatchObject({ title: 'brand_new', measures: '' });
  });

  it('that are firing come first', () => {
    const shown = inOrder([alert('a'), alert('z', 'firing'), alert('b', 'firing'), alert('c')]);
    expect(shown.map(({ name }) => name)).toEqual(['b', 'z', 'a', 'c']);
  });
});
