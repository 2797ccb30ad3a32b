import { useEffect, useState } from 'preact/hooks';

/** Where in the dashboard: `#/requests/ID?outcome=error` is page `requests`, id `ID`. Never a key. */
export interface Route {
  page: string;
  id: string | null;
  query: URLSearchParams;
}

/** The route of a URL's fragment. */
export function routeOf(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', ...id] = path.split('/');
  return { page, id: id.length > 0 ? decoded(id.join('/')) : null, query: new URLSearchParams(search) };
}

/** The fragment of a place, to link to; what is null is left out. */
export function hashOf(page: string, id: string | null = null, query: Record<string, string | null> = {}): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== null && entry[1] !== '',
  );
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  return `#/${page}${id === null ? '' : `/${encodeURIComponent(id)}`}${search}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The present route; changes as links and the back button do. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return routeOf(hash);
}

/** Changes what the page is asked to show, as a choice of a filter does: the back button leads past it. */
export function replaceQuery(change: Record<string, string | null>): void {
  // What was chosen last, even where it is not shown yet.
  const { page, id, query } = routeOf(location.hash);
  location.replace(hashOf(page, id, { ...Object.fromEntries(query), ...change }));
}
