import type { Api } from './api.ts';
import { count, exactUsd } from './format.ts';
import type { LetterChange } from './types-admin.ts';

/** As many as the API takes at once. */
const PAGE = 100;

interface LetterFilter {
  /** A part of the queue's name; null: any. */
  queue: string | null;
}

/** Letters by their ids, or the stuck ones of a filter. */
export type LetterSelection = { ids: readonly string[] } | { filter: LetterFilter };

export type LetterAction = 'try' | 'replay' | 'discard';

interface Page {
  data: LetterChange[];
  last_id: string | null;
  has_more: boolean;
}

/**
 * Replays or discards letters, or tries what a replay would do, page by page. Of a filter, those that were sent by
 * now: what dies meanwhile is not waited for.
 *
 * @param onPage is told all that was done so far.
 * @param left stops it before the next page.
 * @throws ApiProblem; what was told until then is done.
 */
export async function changeLetters(
  api: Api,
  action: LetterAction,
  selection: LetterSelection,
  onPage: (changes: readonly LetterChange[]) => void,
  left: AbortSignal,
): Promise<LetterChange[]> {
  const path = `/admin/dead-letters/${action === 'discard' ? 'discard' : 'replay'}`;
  const dry_run = action === 'try';
  const changes: LetterChange[] = [];
  const send = async (body: object) => {
    left.throwIfAborted();
    const page = await api.send<Page>('POST', path, { ...body, dry_run });
    changes.push(...page.data);
    onPage([...changes]);
    return page;
  };
  if ('ids' in selection) {
    for (let n = 0; n < selection.ids.length; n += PAGE) await send({ ids: selection.ids.slice(n, n + PAGE) });
    return changes;
  }
  const { queue } = selection.filter;
  const filter = { ...(queue !== null && { queue }), to: new Date().toISOString() };
  for (let after: string | null = ''; after !== null; ) {
    const page = await send({ filter, after });
    after = page.has_more ? page.last_id : null;
  }
  return changes;
}

/** What became of a letter, and what would. */
export const OUTCOMES: Record<LetterChange['outcome'], readonly [done: string, tried: string]> = {
  will_be_billed: ['sent to be billed', 'would be billed'],
  will_be_delivered: ['sent to its queue', 'would be sent to its queue'],
  in_ledger: ['billed already: nothing to send', 'is billed already: nothing would be sent'],
  refused: ['refused', 'would be refused'],
  failed: ['not taken by its queue', 'not taken by its queue'],
  discarded: ['discarded', 'would be discarded'],
};

/** `2 sent to be billed ($0.25), 1 refused.` */
export function summaryOf(changes: readonly LetterChange[], action: LetterAction): string {
  if (changes.length === 0) return 'There was nothing to do.';
  const parts = [...Map.groupBy(changes, ({ outcome }) => outcome)].map(([outcome, list]) => {
    const dollars = outcome === 'will_be_billed' ? ` (${costOf(list)})` : '';
    return `${count(list.length)} ${OUTCOMES[outcome][action === 'try' ? 1 : 0]}${dollars}`;
  });
  return `${action === 'try' ? 'Only tried, nothing was done: ' : ''}${parts.join(', ')}.`;
}

/** Several letters may tell of one request, which is billed once. */
function costOf(changes: readonly LetterChange[]): string {
  const costs = [...new Map(changes.map((change) => [change.request_id ?? change.id, change.cost_nano_usd])).values()];
  const known = costs.filter((cost) => cost !== null);
  if (known.length === 0) return 'cost unknown';
  const sum = exactUsd(known.reduce((sum, cost) => sum + cost, 0));
  return known.length === costs.length ? sum : `${sum}, and ${count(costs.length - known.length)} of unknown cost`;
}
