import { useCallback, useEffect, useState } from 'preact/hooks';

export interface Loaded<T> {
  /** What was last read; while something else is being read, still that. */
  data: T | null;
  error: Error | null;
  loading: boolean;
  reload: () => void;
}

interface State<T> {
  data: T | null;
  error: Error | null;
  /** Which question this answers, and which time it was asked; null: not yet. */
  of: string;
  turn: number | null;
}

/**
 * Reads something when the page is shown, and again when what it depends on changes; an answer that
 * comes after that is dropped. What cannot be read anew stays, unless it is the answer to another question.
 *
 * @param read is aborted by the signal it gets.
 * @param depends what it asks for, as values.
 */
export function useLoad<T>(
  read: (signal: AbortSignal) => Promise<T>,
  depends: readonly (string | number | boolean | null)[],
): Loaded<T> {
  const question = JSON.stringify(depends);
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<State<T>>({ data: null, error: null, of: question, turn: null });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what `read` depends on is said by `depends`.
  useEffect(() => {
    const abort = new AbortController();
    read(abort.signal).then(
      (data) => abort.signal.aborted || setState({ data, error: null, of: question, turn }),
      (error: Error) =>
        abort.signal.aborted ||
        setState(({ data, of }) => ({ data: of === question ? data : null, error, of: question, turn })),
    );
    return () => abort.abort();
  }, [question, turn]);
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  // From the same render on in which something else is asked for.
  const loading = state.of !== question || state.turn !== turn;
  return { data: state.data, error: loading ? null : state.error, loading, reload };
}
