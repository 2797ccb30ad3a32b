import type { ComponentChildren } from 'preact';

interface Props {
  title: string;
  /** Reads anew what the page shows. */
  onRefresh?: () => void;
  /** What else is chosen or done for the whole page. */
  children?: ComponentChildren;
}

/** The beginning of a page: what it is, and what steers it. */
export function Head({ title, onRefresh, children }: Props) {
  return (
    <div class="head">
      <h1>{title}</h1>
      <div class="controls">
        {children}
        {onRefresh && (
          <button type="button" onClick={onRefresh}>
            Refresh
          </button>
        )}
      </div>
    </div>
  );
}
