import { useEffect, useRef } from 'preact/hooks';
import type { Action } from '../use-action.ts';
import { Problem } from './notice.tsx';

/**
 * What came of an action. What was done takes the focus, since the button that did it may be gone; what failed is
 * read out and leaves it where it is to be mended.
 */
export function Outcome({ of: { done, error } }: { of: Pick<Action, 'done' | 'error'> }) {
  const box = useRef<HTMLOutputElement>(null);
  useEffect(() => {
    if (done) box.current?.focus();
  }, [done]);
  return (
    <>
      <Problem error={error} />
      <output ref={box} tabIndex={-1} class={done ? 'notice' : undefined}>
        {done?.text}
      </output>
    </>
  );
}
