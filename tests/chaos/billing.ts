import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomFrom } from '../../load/upstream/random.ts';
import { AdminApi } from '../../scripts/admin-api.ts';
import { progress } from '../../scripts/progress.ts';
import { type LocalSystem, startLocal } from '../support/start.ts';
import { analyticsFindings, Ledger, ledgerFindings, pendingAttempts, rollupMismatches } from './billing/audit.ts';
import { type Seen, send } from './billing/client.ts';
import { writeConfigs } from './billing/configs.ts';
import { ACCOUNTS, planRequests } from './billing/requests.ts';

/**
 * Requests through both workers and the simulated upstream while everything around them fails, by a seed:
 * queues, the consumer, D1, PostHog, the upstream, the clients. Afterwards every account of it must agree.
 * `--seed N`, `--requests N`.
 */
const { values } = parseArgs({
  options: { requests: { type: 'string', default: '5000' }, seed: { type: 'string', default: '1' } },
});
const REQUESTS = Number(values.requests);
const SEED = Number(values.seed);
const AT_ONCE = 48;
/** Retries rest up to a quarter of a minute here; three of them in a row are rare. */
const SETTLED_WITHIN_MS = 180_000;
const POSTHOG_DOWN_MS = 4_000;
const EVENTS = ['$ai_generation', '$ai_embedding', '$ai_conversation', '$ai_usage'];

/** Long enough for two busy cores, short enough to be waited for. */
const VARS = {
  RATE_LIMIT_PER_MINUTE: '1000000',
  POSTHOG_API_KEY: 'phc_of_the_chaos',
  UPSTREAM_HEADERS_TIMEOUT_MS: '6000',
  UPSTREAM_FIRST_EVENT_TIMEOUT_MS: '6000',
  UPSTREAM_SILENCE_TIMEOUT_MS: '4000',
  UPSTREAM_RETRIES: '1',
  STREAM_COMMIT_AFTER_MS: '500',
  HEDGE_AFTER_MS: '300',
  RECONCILE_AFTER_SECONDS: '1',
  // Nothing is given up before it was asked for eight times, which is as slow as the upstream gets.
  RECONCILE_WITHIN_SECONDS: '20',
};

async function createKeys(api: AdminApi): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  for (const { id, budget } of ACCOUNTS) {
    const limits = budget === null ? {} : { limits: { budget_day_nano_usd: budget * 1e9 } };
    await api.send('POST', '/admin/users', { id, ...limits });
    const { key } = await api.send<{ key: string }>('POST', `/admin/users/${id}/keys`, {});
    keys.set(id, key);
  }
  return keys;
}

/** Sends all requests, while PostHog goes away for a time in the midst of them. */
async function run({ origin, upstream }: LocalSystem, keys: ReadonlyMap<string, string>): Promise<Seen[]> {
  const random = randomFrom(SEED);
  const waiting = planRequests(REQUESTS, random);
  const downAt = Math.floor(REQUESTS * (0.3 + 0.4 * random()));
  let isDown = false;
  const seen: Seen[] = [];
  const shown = progress('requests', REQUESTS);
  const work = async (): Promise<void> => {
    for (let planned = waiting.pop(); planned; planned = waiting.pop()) {
      if (planned.n === downAt) {
        isDown = true;
        upstream.posthog.fail({ status: 503 });
        setTimeout(() => {
          isDown = false;
          upstream.posthog.fail(null);
        }, POSTHOG_DOWN_MS);
      }
      if (random() < 0.01 && !isDown) upstream.posthog.failNext(500, 1);
      seen.push(await send(origin, keys.get(planned.account) ?? '', planned));
      shown.advance(1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work)).finally(() => shown.end());
  return seen;
}

interface Budget {
  held_requests: number;
}

/** Requests that still take a place, or a part of a budget, though nothing more will be heard of them. */
async function openReservations({ origin }: LocalSystem, keys: ReadonlyMap<string, string>) {
  let open = 0;
  for (const key of keys.values()) {
    const response = await fetch(`${origin}/usage`, { headers: { authorization: `Bearer ${key}` } });
    const { limits } = (await response.json()) as {
      limits: { concurrent_requests: { in_progress: number }; budget_day: Budget };
    };
    open += limits.concurrent_requests.in_progress + limits.budget_day.held_requests;
  }
  return open;
}

/** All that must be zero, and how many requests there were. */
async function audit(system: LocalSystem, keys: ReadonlyMap<string, string>, seen: readonly Seen[], ledger: Ledger) {
  const accepted = new Set(seen.flatMap(({ requestId, accepted }) => (accepted && requestId) || []));
  const unseen = seen.filter(({ requestId }) => requestId === null).length;
  const { requests, lost, duplicated } = ledgerFindings(ledger, accepted, unseen);
  const analytics = analyticsFindings(ledger, system.upstream.posthog.events, EVENTS);
  return {
    accepted: requests,
    lost,
    zeros: {
      lost: lost.length,
      duplicated,
      rollup_mismatches: rollupMismatches(ledger),
      open_reservations: await openReservations(system, keys),
      nano_usd_difference:
        ledger.number('SELECT sum(cost_nano_usd) FROM usage_logs') - system.upstream.account.total().cost_nano_usd,
      analytics_missing: analytics.missing,
      analytics_doubled: analytics.doubled,
    },
    pending: pendingAttempts(ledger),
  };
}

type Audit = Awaited<ReturnType<typeof audit>>;

/** Does what crons and operators do until nothing is under way any more, or it takes too long. */
async function settle(system: LocalSystem, keys: ReadonlyMap<string, string>, seen: readonly Seen[]): Promise<Audit> {
  const api = new AdminApi(system.origin, undefined);
  const ledger = new Ledger(system.stateDir);
  try {
    for (const deadline = Date.now() + SETTLED_WITHIN_MS; ; ) {
      await fetch(`${system.origin}/chaos/cron?cron=${encodeURIComponent('*/5 * * * *')}&later_ms=600000`);
      // What could not be replayed, the next round replays; what never can is lost in the audit.
      await api.send('POST', '/admin/dead-letters/replay', { filter: {}, dry_run: false }).catch(() => null);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const found = await audit(system, keys, seen, ledger);
      const open = Object.values(found.zeros).some((value) => value !== 0) || found.pending > 0;
      if (!open || Date.now() > deadline) return found;
      console.error(`settling: ${JSON.stringify({ ...found.zeros, pending: found.pending })}`);
    }
  } finally {
    ledger.close();
  }
}

/** How often each fault happened, by the workers' own word and the simulator's. */
function countFaults(output: string, { upstream }: LocalSystem, seen: readonly Seen[]): Record<string, number> {
  const faults: Record<string, number> = {};
  for (const [, kind = ''] of output.matchAll(/\{"chaos":"(\w+)"\}/g)) faults[kind] = (faults[kind] ?? 0) + 1;
  return {
    ...Object.fromEntries(Object.entries(faults).toSorted()),
    posthog_refused: upstream.posthog.refused,
    upstream_faults: upstream.account.entries.filter(({ fault }) => fault !== null).length,
    clients_left: upstream.account.entries.filter(({ cancelled }) => cancelled).length,
    clients_left_unseen: seen.filter(({ requestId }) => requestId === null).length,
  };
}

/** Says what the lost ones were told, and where the workers' log is. */
function explain(output: string, lost: readonly string[], seen: readonly Seen[]): void {
  for (const { requestId, told } of seen) {
    if (requestId && lost.includes(requestId)) console.error(`lost ${requestId}: ${told}`);
  }
  const log = join(tmpdir(), `chaos-billing-${SEED}.log`);
  writeFileSync(log, output);
  console.error(`what the workers logged: ${log}`);
}

const system = await startLocal(VARS, (stateDir) => writeConfigs(stateDir, SEED));
try {
  system.upstream.account.slowestGeneration = 8;
  const keys = await createKeys(new AdminApi(system.origin, undefined));
  const seen = await run(system, keys);
  const { accepted, zeros, lost, pending } = await settle(system, keys, seen);
  const failed = pending > 0 || Object.values(zeros).some((value) => value !== 0);
  if (failed) explain(system.output(), lost, seen);
  const faults = countFaults(system.output(), system, seen);
  console.log(JSON.stringify({ chaos: 'billing', seed: SEED, accepted, ...zeros, faults }));
  process.exitCode = failed ? 1 : 0;
} finally {
  await system.stop();
}
