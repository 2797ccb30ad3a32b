import { describe, expect, it } from 'vitest';
import { d1Trouble } from '../../../shared/d1.ts';

/** The messages as https://developers.cloudflare.com/d1/observability/debug-d1/ lists them. */
describe('trouble with D1', () => {
  it.each([
    'Network connection lost.',
    'D1 DB reset because its code was updated.',
    'Internal error while starting up D1 DB storage caused object to be reset.',
    'Internal error in D1 DB storage caused object to be reset.',
    'Cannot resolve D1 DB due to transient issue on remote node.',
  ])('may pass at once: %s', (message) => {
    expect(d1Trouble(new Error(`D1_ERROR: ${message}`))).toBe('transient');
    expect(d1Trouble(new Error('D1_ERROR', { cause: new Error(message) }))).toBe('transient');
    expect(d1Trouble(message)).toBe('transient');
  });

  it.each(['D1 DB is overloaded. Requests queued for too long.', 'D1 DB is overloaded. Too many requests queued.'])(
    'asks for less load: %s',
    (message) => {
      expect(d1Trouble(new Error(`D1_ERROR: ${message}`))).toBe('overloaded');
      expect(d1Trouble(new Error('Network connection lost.', { cause: new Error(message) }))).toBe('overloaded');
    },
  );

  it.each([
    'NOT NULL constraint failed: usage_logs.user_id: SQLITE_CONSTRAINT',
    'no such table: usage_logs: SQLITE_ERROR',
    'D1 DB storage operation exceeded timeout which caused object to be reset.',
    "D1 DB's isolate exceeded its memory limit and was reset.",
    'D1 DB exceeded its CPU time limit and was reset.',
    'Exceeded maximum DB size.',
  ])('is nothing that a second try would cure: %s', (message) => {
    expect(d1Trouble(new Error(`D1_ERROR: ${message}`))).toBe('other');
  });

  it.each([undefined, null, {}, 42, ''])('of another shape is neither: %j', (thrown) => {
    expect(d1Trouble(thrown)).toBe('other');
  });
});
