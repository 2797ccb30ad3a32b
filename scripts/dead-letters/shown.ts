import { nanoToUsd } from '../../shared/money.ts';
import { minute, table } from '../table.ts';

/** A dead letter as the Admin API lists it. */
export interface Letter {
  id: string;
  queue: string;
  state: string;
  reason: string;
  attempts: number;
  request_id: string | null;
  unbilled_nano_usd: number;
  created_at: number;
}

/** What is stuck, as the Admin API sums it up. */
export interface Stuck {
  count: number;
  oldest_at: number | null;
  unbilled_usd: string;
}

/** What became of a dead letter, or would. */
export interface Change {
  id: string;
  queue: string;
  request_id: string | null;
  cost_nano_usd: number | null;
  outcome: 'will_be_billed' | 'will_be_delivered' | 'in_ledger' | 'refused' | 'failed' | 'discarded';
  why: string | null;
}

const REASON_MAX_CHARS = 80;
const OUTCOMES: Record<Change['outcome'], string> = {
  will_be_billed: 'will be billed',
  will_be_delivered: 'will be delivered',
  in_ledger: 'in the ledger already',
  refused: 'refused',
  failed: 'failed, may be tried again',
  discarded: 'discarded',
};

/** Dead letters as a table for people. */
export function letterTable(letters: readonly Letter[]): string {
  return table(
    [
      ['id', ({ id }) => id],
      ['queue', ({ queue }) => queue],
      ['state', ({ state }) => state],
      ['sent', ({ created_at }) => minute(created_at)],
      ['deliveries', ({ attempts }) => String(attempts)],
      ['request', ({ request_id }) => request_id ?? '–'],
      ['not billed', ({ unbilled_nano_usd }) => `$${nanoToUsd(unbilled_nano_usd)}`],
      ['reason', ({ reason }) => firstLine(reason)],
    ],
    letters,
  );
}

/** What is stuck, in words. */
export function stuckText({ count, oldest_at, unbilled_usd }: Stuck): string {
  if (count === 0) return 'nothing';
  return `${count}, $${unbilled_usd} not billed, the oldest since ${minute(oldest_at)} UTC`;
}

/** Changes as a table for people. */
export function changeTable(changes: readonly Change[]): string {
  return table(
    [
      ['id', ({ id }) => id],
      ['queue', ({ queue }) => queue],
      ['request', ({ request_id }) => request_id ?? '–'],
      ['cost', ({ cost_nano_usd }) => (cost_nano_usd === null ? '–' : `$${nanoToUsd(cost_nano_usd)}`)],
      ['outcome', ({ outcome }) => OUTCOMES[outcome]],
      ['why', ({ why }) => firstLine(why ?? '')],
    ],
    changes,
  );
}

/** How many changes came to what, a line each; with the dollars that are billed by it, each request's once. */
export function outcomeLines(changes: readonly Change[]): string[] {
  return [...Map.groupBy(changes, ({ outcome }) => outcome)].map(([outcome, list]) => {
    if (outcome !== 'will_be_billed') return `${list.length} ${OUTCOMES[outcome]}`;
    const costs = new Map(list.map(({ id, request_id, cost_nano_usd }) => [request_id ?? id, cost_nano_usd ?? 0]));
    return `${list.length} ${OUTCOMES[outcome]}, $${nanoToUsd([...costs.values()].reduce((sum, cost) => sum + cost, 0))}`;
  });
}

function firstLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= REASON_MAX_CHARS ? line : `${line.slice(0, REASON_MAX_CHARS - 1)}…`;
}
