import type { AdminApi, Page } from '../admin-api.ts';
import { progress } from '../progress.ts';
import type { Command } from './command-line.ts';
import type { Change, Stuck } from './shown.ts';

/** Of ids in one call. */
const IDS_MAX = 100;

/** Replays or discards the dead letters that are named or filtered, page by page; what became of each. */
export function change(api: AdminApi, { command, ids, filter, dryRun }: Command): Promise<Change[]> {
  const path = `/admin/dead-letters/${command}`;
  return ids.length > 0 ? byIds(api, path, ids, dryRun) : byFilter(api, path, filter, dryRun);
}

async function byIds(api: AdminApi, path: string, ids: readonly string[], dryRun: boolean): Promise<Change[]> {
  const changes: Change[] = [];
  const unique = [...new Set(ids)];
  for (let from = 0; from < unique.length; from += IDS_MAX) {
    const body = { ids: unique.slice(from, from + IDS_MAX), dry_run: dryRun };
    changes.push(...(await api.send<Page<Change>>('POST', path, body)).data);
  }
  return changes;
}

async function byFilter(api: AdminApi, path: string, given: Command['filter'], dryRun: boolean): Promise<Change[]> {
  // What dies again of what is replayed here is not taken up once more: it would go on for ever.
  const filter = { ...given, to: given.to ?? new Date().toISOString() };
  const query = new URLSearchParams({ ...filter, state: 'stuck' });
  const { stuck } = await api.send<{ stuck: Stuck }>('GET', `/admin/dead-letters/summary?${query}`);
  const shown = progress(path.split('/').at(-1) ?? '', stuck.count);
  const changes: Change[] = [];
  try {
    for (let after = ''; ; ) {
      const page = await api.send<Page<Change>>('POST', path, { filter, after, dry_run: dryRun });
      changes.push(...page.data);
      if (page.data.length > 0) shown.advance(page.data.length);
      if (!page.has_more || page.last_id === null) return changes;
      after = page.last_id;
    }
  } finally {
    shown.end();
  }
}
