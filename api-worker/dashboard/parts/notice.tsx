import type { ComponentChildren } from 'preact';

/** That something went wrong, read out at once. */
export function Problem({ error, onRetry }: { error: Error | null; onRetry?: () => void }) {
  if (!error) return null;
  return (
    <div class="notice problem" role="alert">
      <p>{error.message}</p>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** That something was done, or is so; read out when it comes. */
export function Notice({ children }: { children: ComponentChildren }) {
  return (
    <output class="notice">
      <div>{children}</div>
    </output>
  );
}

/** What waits for a first answer. */
export function Waiting({ what }: { what: string }) {
  return <output class="empty">Reading {what} …</output>;
}
