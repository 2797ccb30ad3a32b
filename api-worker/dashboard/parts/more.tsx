import type { Pages } from '../use-pages.ts';

/** The button for the next page of a list, if there is one. */
export function More({ of: { hasMore, loading, more }, children }: { of: Pages<unknown>; children: string }) {
  if (!hasMore) return null;
  return (
    <p>
      <button type="button" onClick={more} aria-disabled={loading}>
        {loading ? 'Looking …' : children}
      </button>
    </p>
  );
}
