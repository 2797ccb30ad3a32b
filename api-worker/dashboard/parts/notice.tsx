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

/** What waits for a first answer. */
export function Waiting({ what }: { what: string }) {
  return <output class="empty">Reading {what} …</output>;
}
