import type { AdminApi, Page } from '../admin-api.ts';
import { progress } from '../progress.ts';
import type { Command, Filter } from './command-line.ts';
import type { Change, Stuck } from './shown.ts';

/** Of ids in one call. */
const IDS_MAX = 100;

/** What --all means: what is stuck now and meets a filter. */
export interface Scope {
  filter: Filter;
  stuck: Stuck;
}

/** The scope of a filter. */
export async function scopeOf(api: AdminApi, filter: Filter): Promise<Scope> {
  const query = new URLSearchParams({ ...filter, state: 'stuck' });
  const { stuck } = await api.send<{ stuck: Stuck }>('GET', `/admin/dead-letters/summary?${query}`);
  // What dies again of what is replayed is not taken up once more: it would go on for ever. By the system's clock,
  // which tells the letters' times.
  const past = filter.to !== undefined && Date.parse(filter.to) < api.now;
  return { filter: past ? filter : { ...filter, to: new Date(api.now).toISOString() }, stuck };
}

/**
 * Replays or discards the dead letters that are named, or those of a scope, page by page; what became of each.
 *
 * @throws what the API says, with the pages before it done.
 */
export function change(api: AdminApi, command: Command, scope: Scope | null): AsyncGenerator<Page<Change>> {
  const path = `/admin/dead-letters/${command.command}`;
  return scope === null ? byIds(api, path, command) : byScope(api, path, scope, command);
}

async function* byIds(api: AdminApi, path: string, { ids, dryRun }: Command): AsyncGenerator<Page<Change>> {
  const unique = [...new Set(ids)];
  for (let from = 0; from < unique.length; from += IDS_MAX) {
    yield await api.send('POST', path, { ids: unique.slice(from, from + IDS_MAX), dry_run: dryRun });
  }
}

async function* byScope(
  api: AdminApi,
  path: string,
  { filter, stuck }: Scope,
  { command, after: begin, dryRun }: Command,
): AsyncGenerator<Page<Change>> {
  const shown = progress(command, stuck.count);
  try {
    for (let after = begin; ; ) {
      const page = await api.send<Page<Change>>('POST', path, { filter, after, dry_run: dryRun });
      if (page.data.length > 0) shown.advance(page.data.length);
      yield page;
      if (!page.has_more || page.last_id === null) return;
      after = page.last_id;
    }
  } finally {
    shown.end();
  }
}
