import { firstIdOf } from '../../../shared/ids.ts';

const HOUR_MS = 3_600_000;
/** Hours with requests of anyone that one call passes, a seek or two each: more than a year. */
const HOURS_MAX = 10_000;
/** Hours with requests of the account that are of use to one call. */
const OWN_HOURS_MAX = 100;

/**
 * The hours from ?1 up to ?2 (Unix ms) of which the rollup has rows of the account ?3, and of its key ?4 if that
 * is not null, the newest first. Where the last row is one of no hour, there are no more.
 */
const OWN_HOURS = `
  WITH RECURSIVE hours (at, n) AS (
    SELECT (SELECT max(hour) FROM usage_rollups_hourly WHERE hour >= ?1 AND hour < ?2), 1
    UNION ALL
    SELECT (SELECT max(hour) FROM usage_rollups_hourly WHERE hour >= ?1 AND hour < hours.at), n + 1
      FROM hours WHERE hours.at IS NOT NULL AND n < ?5
  ), own AS (
    SELECT at, n, EXISTS (SELECT 1 FROM usage_rollups_hourly
                           WHERE hour = hours.at AND user_id = ?3 AND (?4 IS NULL OR key_id = ?4)) AS own
      FROM hours
  )
  SELECT at, own FROM own WHERE own OR at IS NULL OR n = ?5 LIMIT ?6`;

/** Requests by their ids: `from` included, `to` not. */
export interface Span {
  from: string;
  to: string;
}

/** What {@link ledgerSpans} tells. */
export interface LedgerSpans {
  /** The newest first. */
  spans: Span[];
  /** An id before which more may be; null: nothing is. */
  rest: string | null;
}

/** How far one call goes; see {@link HOURS_MAX}. */
export const HOUR_BOUNDS = { hours: HOURS_MAX, ownHours: OWN_HOURS_MAX };

/**
 * Where in a span of the ledger requests of an account are, and of one of its keys if named. There is no index
 * by account; but the rollups tell the hours, and ids are minted in order of time.
 *
 * @param from Unix ms, included.
 * @param to an id, or the beginning of one, that is not included.
 */
export async function ledgerSpans(
  db: D1Database,
  { userId, keyId, from, to }: { userId: string; keyId: string | null; from: number; to: string },
  bounds = HOUR_BOUNDS,
): Promise<LedgerSpans> {
  const { results } = await db
    .prepare(OWN_HOURS)
    .bind(hourOf(from), endOf(to), userId, keyId, bounds.hours, bounds.ownHours)
    .all<{ at: number | null; own: 0 | 1 }>();
  const hours = results.flatMap(({ at, own }) => (at !== null && own === 1 ? [at] : []));
  const last = results.at(-1)?.at ?? null;
  return {
    spans: connected(hours).map(([first, end]) => ({
      from: firstIdOf(Math.max(first, from)),
      to: min(firstIdOf(end), to),
    })),
    rest: last === null ? null : firstIdOf(last),
  };
}

/** Hours, the newest first, as what they make up without a gap: from, to, Unix ms. */
function connected(hours: readonly number[]): [from: number, to: number][] {
  const runs: [from: number, to: number][] = [];
  for (const hour of hours) {
    const run = runs.at(-1);
    if (run && run[0] === hour + HOUR_MS) run[0] = hour;
    else runs.push([hour, hour + HOUR_MS]);
  }
  return runs;
}

/** When an id was minted, or one of which this is the beginning, Unix ms. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 13).replace('-', ''), 16);
}

/** The end, Unix ms, of the time in which ids up to one are minted that is not included. */
function endOf(id: string): number {
  const time = timeOf(id);
  return id === firstIdOf(time) ? time : time + 1;
}

function hourOf(ms: number): number {
  return ms - (ms % HOUR_MS);
}

function min(a: string, b: string): string {
  return a < b ? a : b;
}
