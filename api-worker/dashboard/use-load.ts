import { useCallback, useEffect, useState } from 'preact/hooks';

export interface Loaded<T> {
  /** What was last read; while something else is being read, still that. */
  data: T | null;
  error: Error | null;
  loading: boolean;
  reload: () => void;
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
  const [state, setState] = useState<{ data: T | null; of: string; error: Error | null; loading: boolean }>({
    data: null,
    of: question,
    error: null,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what `read` depends on is said by `depends`.
  useEffect(() => {
    const abort = new AbortController();
    setState((state) => ({ ...state, error: null, loading: true }));
    read(abort.signal).then(
      (data) => abort.signal.aborted || setState({ data, of: question, error: null, loading: false }),
      (error: Error) =>
        abort.signal.aborted ||
        setState(({ data, of }) => ({ data: of === question ? data : null, of: question, error, loading: false })),
    );
    return () => abort.abort();
  }, [question, turn]);
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  return { data: state.data, error: state.error, loading: state.loading, reload };
}
