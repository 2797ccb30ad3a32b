import { useEffect, useRef, useState } from 'preact/hooks';
import type { Query } from './api.ts';
import { useSession } from './session.ts';
import type { List } from './types.ts';

export interface Pages<Row> {
  /** Of all pages that were read, in order; null: none yet. */
  rows: Row[] | null;
  hasMore: boolean;
  error: Error | null;
  loading: boolean;
  /** Reads the next page. */
  more: () => void;
  /** Begins anew. */
  reload: () => void;
}

interface State<Row> {
  rows: Row[] | null;
  last: string | null;
  hasMore: boolean;
  /** Which list it is. */
  of: string;
}

/**
 * Page after page of a list of the API; begins anew when what is asked for changes. What cannot be read anew stays,
 * unless it is of another list.
 */
export function usePages<Row>(path: string, query: Query): Pages<Row> {
  const { api } = useSession();
  const list = JSON.stringify([path, query]);
  const none: State<Row> = { rows: null, last: null, hasMore: false, of: list };
  const [state, setState] = useState(none);
  const [error, setError] = useState<Error | null>(null);
  const [loading, setLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  /** What the next read follows: only one that was asked for by `more` follows any. */
  const follows = useRef<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a list is its text.
  useEffect(() => {
    const abort = new AbortController();
    const after = follows.current;
    follows.current = null;
    setLoading(true);
    setError(null);
    api.get<List<Row>>(path, { ...query, ...(after !== null && { after }) }, abort.signal).then(
      ({ data, last_id, has_more }) => {
        if (abort.signal.aborted) return;
        setState(({ rows }) => ({
          rows: after === null ? data : [...(rows ?? []), ...data],
          last: last_id,
          hasMore: has_more,
          of: list,
        }));
        setLoading(false);
      },
      (error: Error) => {
        if (abort.signal.aborted) return;
        setState((state) => (state.of === list ? state : none));
        setError(error);
        setLoading(false);
      },
    );
    return () => abort.abort();
  }, [list, turn]);
  return {
    rows: state.rows,
    hasMore: state.hasMore,
    error,
    loading,
    more: () => {
      follows.current = state.last;
      setTurn((turn) => turn + 1);
    },
    reload: () => setTurn((turn) => turn + 1),
  };
}
