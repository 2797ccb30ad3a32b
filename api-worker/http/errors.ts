import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** The inside of OpenAI's error envelope. */
export interface ErrorBody {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

interface ErrorParts {
  message: string;
  type?: string;
  param?: string | null;
  code?: string | null;
  headers?: Record<string, string>;
  /** For the log only, never for the client. */
  cause?: unknown;
}

/**
 * A failure that the client is told about: thrown anywhere, written by {@link errorResponse}. Its
 * message is public; what is private goes into `cause`.
 */
export class ApiError extends Error {
  readonly status: ContentfulStatusCode;
  readonly body: ErrorBody;
  readonly headers: Record<string, string>;

  constructor(status: ContentfulStatusCode, parts: ErrorParts) {
    super(parts.message, { cause: parts.cause });
    this.name = 'ApiError';
    this.status = status;
    this.body = {
      message: parts.message,
      type: parts.type ?? (status >= 500 ? 'server_error' : 'invalid_request_error'),
      param: parts.param ?? null,
      code: parts.code ?? null,
    };
    this.headers = parts.headers ?? {};
  }
}

/** 503: something that we need is away; the official SDKs retry it. */
export function unavailable(message: string, cause?: unknown, retryAfterMs = 1_000): ApiError {
  return new ApiError(503, { message, code: 'service_unavailable', cause, headers: retryAfter(retryAfterMs) });
}

/** 400 for a parameter that cannot be had here; `why` says what to do instead. */
export function unsupported(param: string, why: string): ApiError {
  return new ApiError(400, {
    message: `Unsupported parameter: '${param}'. ${why}`,
    param,
    code: 'unsupported_parameter',
  });
}

/** When trying again makes sense, in both of the headers that the official SDKs read. */
export function retryAfter(ms: number): Record<string, string> {
  return { 'retry-after': String(Math.ceil(ms / 1000)), 'retry-after-ms': String(Math.ceil(ms)) };
}

/** The error as OpenAI's JSON envelope. */
export function errorResponse(error: ApiError): Response {
  return Response.json({ error: error.body }, { status: error.status, headers: error.headers });
}

/** Anything thrown, as what the client may see of it: an unknown failure is a 500 without detail. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(500, {
    message: 'The server had an error while processing your request. Please try again.',
    code: 'internal_error',
    cause: error,
  });
}
