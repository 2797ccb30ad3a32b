import { LIMIT_NAMES, type Limits } from '../../api-worker/limits/limits.ts';

/** An account's limits that limit nothing, for tests to narrow. */
export const UNLIMITED = {
  ...(Object.fromEntries(LIMIT_NAMES.map((name) => [name, null])) as Limits),
  requests_per_minute: 1_000_000,
};
