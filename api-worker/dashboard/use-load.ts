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
 * comes after that is dropped.
 *
 * @param read is aborted by the signal it gets.
 * @param depends what it asks for, as values.
 */
export function useLoad<T>(
  read: (signal: AbortSignal) => Promise<T>,
  depends: readonly (string | number | boolean | null)[],
): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({ data: null, error: null, loading: true });
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what `read` depends on is said by `depends`.
  useEffect(() => {
    const abort = new AbortController();
    setState(({ data }) => ({ data, error: null, loading: true }));
    read(abort.signal).then(
      (data) => abort.signal.aborted || setState({ data, error: null, loading: false }),
      (error: Error) => abort.signal.aborted || setState(({ data }) => ({ data, error, loading: false })),
    );
    return () => abort.abort();
  }, [...depends, turn]);
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  return { ...state, reload };
}
