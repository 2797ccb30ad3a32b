import { useEffect, useRef, useState } from 'preact/hooks';

/** Something that a press of a button does, and what came of it. */
export interface Action {
  busy: boolean;
  error: Error | null;
  /** What was done, in words; another object each time. */
  done: { text: string } | null;
  /**
   * Does it, unless it is being done already: a second press is none. The work says what was done; null: nothing here.
   * Its signal is aborted when what it was begun from is left.
   */
  run: (work: (left: AbortSignal) => Promise<string | null>) => void;
  /** Tells what was done elsewhere, as in a dialog. */
  say: (text: string) => void;
}

/**
 * One action at a time. While it runs its button is not to be disabled, which would take the focus away.
 */
export function useAction(): Action {
  const running = useRef(false);
  const [left] = useState(() => new AbortController());
  useEffect(() => () => left.abort(), [left]);
  const [state, setState] = useState<Pick<Action, 'busy' | 'error' | 'done'>>({ busy: false, error: null, done: null });
  const run: Action['run'] = (work) => {
    if (running.current) return;
    running.current = true;
    setState({ busy: true, error: null, done: null });
    work(left.signal)
      .then(
        (text) => setState({ busy: false, error: null, done: text === null ? null : { text } }),
        (error: Error) => setState({ busy: false, error, done: null }),
      )
      .finally(() => {
        running.current = false;
      });
  };
  return { ...state, run, say: (text) => setState({ busy: false, error: null, done: { text } }) };
}
