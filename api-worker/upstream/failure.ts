/** Why an attempt gave no answer. */
export type FailureKind =
  /** No connection, or one that broke before the headers. */
  | 'unreachable'
  /** A connection that broke between the headers and the first event. */
  | 'network'
  | 'timeout'
  /** The upstream answered with an error: by status, as JSON under a 200, or as its first event. */
  | 'refused'
  /** A 200 that ended without an event. */
  | 'empty'
  /** An answer that had begun broke off. */
  | 'died'
  /** An answer that was to continue another does not join it. */
  | 'unjoined'
  /** Another candidate was faster: given up, whatever would have come. */
  | 'outrun'
  /** Not called: the candidate's circuit is open. */
  | 'circuit_open'
  /** Not called: the account's budget has no room for one more attempt. */
  | 'unaffordable'
  /** The client left while we tried. */
  | 'client_left';

/** One failed attempt. `detail` is the upstream's own text: for our eyes and the redactor, not for the client. */
export class AttemptFailure extends Error {
  readonly kind: FailureKind;
  /** The upstream's status or error code; null where there was none. */
  readonly status: number | null;
  readonly detail: string | null;
  readonly retryAfterMs: number | null;

  constructor(
    kind: FailureKind,
    parts: { status?: number | null; detail?: string | null; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(`${kind}${parts.status ? ` ${parts.status}` : ''}`, { cause: parts.cause });
    this.name = 'AttemptFailure';
    this.kind = kind;
    this.status = parts.status ?? null;
    this.detail = parts.detail ?? null;
    this.retryAfterMs = parts.retryAfterMs ?? null;
  }

  /** Whether the same call may do better in a moment. */
  get retryable(): boolean {
    if (this.kind === 'refused') return this.status === 408 || this.status === 429 || (this.status ?? 500) >= 500;
    return ['unreachable', 'network', 'timeout', 'empty', 'died'].includes(this.kind);
  }

  /** Our key is not accepted, or our credit is spent: no candidate helps, and someone must be told. */
  get ours(): boolean {
    return this.kind === 'refused' && (this.status === 401 || this.status === 402);
  }

  /**
   * Whether the call may have cost something all the same. An upstream that said no charges nothing. Nor
   * does one that was not reached, or lost us before it began: OpenRouter sends its headers at once, and
   * charges nothing where no token came.
   */
  get mayHaveCost(): boolean {
    return !['refused', 'unreachable', 'circuit_open', 'unaffordable'].includes(this.kind);
  }
}

/** OpenRouter's error object (`{error: {code, message, metadata?}}`), or OpenAI's, in whatever state it arrives. */
export function refusal(body: unknown, httpStatus: number, retryAfterMs: number | null): AttemptFailure {
  const error = (body as { error?: unknown } | null)?.error;
  const { code, message, metadata } = (typeof error === 'object' && error !== null ? error : { message: error }) as {
    code?: unknown;
    message?: unknown;
    metadata?: { raw?: unknown } | null;
  };
  const status = httpStatus >= 400 ? httpStatus : statusFrom(code);
  const detail = message === 'Provider returned error' ? (providerMessage(metadata?.raw) ?? message) : message;
  return new AttemptFailure('refused', {
    status,
    detail: typeof detail === 'string' ? detail : null,
    retryAfterMs,
  });
}

/** Codes that Responses name instead of a status (OpenAI's ResponseErrorCode), as far as they are not the upstream's fault. */
const STATUS_OF_CODE: Record<string, number> = { rate_limit_exceeded: 429, invalid_prompt: 400 };

/** Under a 200 the error's code is the status; one that is none is a failure on the upstream's side. */
function statusFrom(code: unknown): number {
  const status = STATUS_OF_CODE[String(code)] ?? Number(code);
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 502;
}

/** OpenRouter quotes a provider's whole answer in `metadata.raw`, as JSON or as text. */
function providerMessage(raw: unknown): string | null {
  if (typeof raw !== 'string') return null;
  try {
    const { error, message } = JSON.parse(raw) as { error?: { message?: unknown }; message?: unknown };
    const text = error?.message ?? message;
    return typeof text === 'string' ? text : null;
  } catch {
    return raw;
  }
}
