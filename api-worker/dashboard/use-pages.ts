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
  error: Error | null;
  /** Which list it is, and which time it was asked for; null: not yet. */
  of: string;
  turn: number | null;
}

/**
 * Page after page of a list of the API; begins anew when what is asked for changes. What cannot be read anew stays,
 * unless it is of another list.
 */
export function usePages<Row>(path: string, query: Query): Pages<Row> {
  const { api } = useSession();
  const list = JSON.stringify([path, query]);
  const none: State<Row> = { rows: null, last: null, hasMore: false, error: null, of: list, turn: null };
  const [state, setState] = useState(none);
  const [turn, setTurn] = useState(0);
  /** What the next read follows: only one that was asked for by `more` follows any. */
  const follows = useRef<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a list is its text.
  useEffect(() => {
    const abort = new AbortController();
    const after = follows.current;
    follows.current = null;
    api.get<List<Row>>(path, { ...query, ...(after !== null && { after }) }, abort.signal).then(
      ({ data, last_id, has_more }) =>
        abort.signal.aborted ||
        setState(({ rows }) => ({
          rows: after === null ? data : [...(rows ?? []), ...data],
          last: last_id,
          hasMore: has_more,
          error: null,
          of: list,
          turn,
        })),
      (error: Error) =>
        abort.signal.aborted || setState((state) => ({ ...(state.of === list ? state : none), error, turn })),
    );
    return () => abort.abort();
  }, [list, turn]);
  // From the same render on in which another list is asked for.
  const loading = state.of !== list || state.turn !== turn;
  return {
    rows: state.rows,
    hasMore: state.hasMore,
    error: loading ? null : state.error,
    loading,
    more: () => {
      follows.current = state.last;
      setTurn((turn) => turn + 1);
    },
    reload: () => setTurn((turn) => turn + 1),
  };
}
