/**
 * Waits, if this minute has less than `ms` left, for the next: what counts by the minute must not
 * begin anew in the midst of a burst.
 */
export async function restOfMinute(ms: number): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < ms) await new Promise((resolve) => setTimeout(resolve, left + 50));
}
