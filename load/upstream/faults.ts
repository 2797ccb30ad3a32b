/** HTTP statuses that OpenRouter answers with, and its words for them. */
export const STATUS_MESSAGES: Record<number, string> = {
  400: 'Provider returned error',
  401: 'No auth credentials found for key sk-or-v1-deadbeefdeadbeef',
  402: 'This request requires more credits. Account user_2abcDEFghi: visit https://openrouter.ai/settings/credits',
  403: 'Your chosen model requires moderation and your input was flagged',
  404: 'No endpoints found for this model',
  408: 'The request timed out',
  413: 'The request is too large',
  422: 'The request could not be processed',
  429: 'Rate limit exceeded for user_2abcDEFghi',
  500: 'Internal server error',
  502: 'The provider is down',
  503: 'No provider is available',
  504: 'The provider timed out',
  520: 'The provider returned an unknown error',
  524: 'The provider timed out',
  529: 'The provider is overloaded',
};

/** Every fault by name, and what it does. Asked for as the model `sim/<name>`, the header `x-sim-fault` or `sim.fault` in the body. */
export const FAULTS: Record<string, string> = {
  ...Object.fromEntries(Object.keys(STATUS_MESSAGES).map((status) => [`status-${status}`, `answers ${status}`])),
  'error-200-json': 'answers 200 with a JSON error, after padding',
  'error-first-event': 'streams a comment, then an error as the first event',
  'error-mid-stream': 'an error event with a choice whose finish is "error", halfway',
  'error-mid-stream-empty-choices': 'an error event with no choice, halfway',
  'error-mid-stream-bare': 'an error event with nothing else, halfway',
  'error-mid-stream-usage': 'an error event halfway, then usage, and no [DONE]',
  'die-before-bytes': 'destroys the socket before the headers',
  'die-after-headers': 'destroys the socket after the headers',
  'die-mid-stream': 'destroys the socket halfway',
  silence: 'never answers',
  'silence-after-headers': 'sends headers and nothing more',
  'silence-mid-stream': 'stops halfway and keeps the socket open',
  'slow-start': 'sends comments for a while (sim.ttft_ms, 3000 if unset) before it begins',
  'no-usage': 'leaves usage out',
  'no-done': 'leaves [DONE] out',
  'truncated-json': 'cuts the last JSON in two and ends cleanly',
  'empty-stream': 'answers 200 and ends without a byte',
  'fail-N-then-work': 'answers 503 N times (for the same model and sim.key), then works; as in fail-2-then-work',
};

const FAIL_THEN_WORK = /^fail-(\d+)-then-work$/;

/** How often a `fail-N-then-work` fails; null for another name. */
export function failuresOf(fault: string): number | null {
  const match = FAIL_THEN_WORK.exec(fault);
  return match ? Number(match[1]) : null;
}

/** Whether a name is a fault's. */
export function isFault(name: string): boolean {
  return Object.hasOwn(FAULTS, name) || failuresOf(name) !== null;
}

/** OpenRouter's error body for a status. */
export function errorBody(status: number, message = STATUS_MESSAGES[status] ?? 'Unknown error') {
  const metadata =
    status === 400
      ? {
          raw: JSON.stringify({ error: { message: 'messages: the provider refused this input' } }),
          provider_name: 'Sim',
        }
      : undefined;
  return { error: { code: status, message, ...(metadata && { metadata }) }, user_id: 'user_2abcDEFghi' };
}
