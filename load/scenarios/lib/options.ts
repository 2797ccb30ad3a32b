import type { Options, Scenario, Threshold } from 'k6/options';
import { SHORT } from './target.ts';

/** The short profile shares its machine with tests: it asks whether all is right, not how fast it is. */
const SHORT_HEADROOM = 20;

/** Most that the gateway may add, ms; 95 of 100 requests must stay below. */
export function addedBelow(p95: number): Threshold[] {
  return [`p(95)<${SHORT ? p95 * SHORT_HEADROOM : p95}`];
}

/**
 * The options of a scenario: what it runs, and what must hold, beside fewer than one failure in a thousand.
 *
 * @param addedP95 ms, of whole answers less the simulator's own time.
 */
export function optionsOf(
  scenarios: Record<string, Scenario>,
  addedP95: number,
  more: Record<string, Threshold[]> = {},
): Options {
  return {
    scenarios,
    thresholds: { failed: ['rate<0.001'], added_ms: addedBelow(addedP95), ...more },
    summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'],
  };
}
