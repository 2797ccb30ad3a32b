import { describe, expect, it } from 'vitest';
import { clientError, redact } from '../../../api-worker/upstream/client-error.ts';
import { AttemptFailure, refusal } from '../../../api-worker/upstream/failure.ts';

const told = (status: number, message = 'why', metadata?: unknown) => {
  const error = clientError(refusal({ error: { code: status, message, metadata } }, status, null), 'a/b');
  return { status: error.status, ...error.body };
};

describe('clientError', () => {
  it.each([
    [400, 400, 'invalid_request_error', null],
    [401, 503, 'server_error', 'service_unavailable'],
    [402, 503, 'server_error', 'service_unavailable'],
    [403, 403, 'invalid_request_error', 'request_refused'],
    [404, 404, 'invalid_request_error', 'model_not_found'],
    [408, 504, 'server_error', 'upstream_timeout'],
    [413, 413, 'invalid_request_error', 'request_too_large'],
    [422, 422, 'invalid_request_error', null],
    [429, 429, 'requests', 'rate_limit_exceeded'],
    [500, 503, 'server_error', 'service_unavailable'],
    [502, 503, 'server_error', 'service_unavailable'],
    [503, 503, 'server_error', 'service_unavailable'],
    [524, 504, 'server_error', 'upstream_timeout'],
    [529, 503, 'server_error', 'service_unavailable'],
  ])('tells an upstream %i as %i', (upstream, status, type, code) => {
    expect(told(upstream)).toMatchObject({ status, type, code });
  });

  it('tells an unknown model as OpenAI does', () => {
    expect(told(400, 'x/y is not a valid model ID')).toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
  });

  it('tells a context that is too long by its code', () => {
    const message = "This endpoint's maximum context length is 8192 tokens.";
    expect(told(400, message).code).toBe('context_length_exceeded');
  });

  it("passes on the provider's own words where OpenRouter only wraps them", () => {
    const raw = JSON.stringify({ error: { message: 'tools[0] has no name' } });
    expect(told(400, 'Provider returned error', { raw }).message).toBe('tools[0] has no name');
  });

  it('shows nothing of our account', () => {
    expect(told(402, 'Add credits for user_2abcDEF at https://openrouter.ai/settings').message).not.toMatch(
      /user_|http|credit/,
    );
    expect(redact('key sk-or-v1-deadbeef of user_2abcDEFg, see https://openrouter.ai/keys')).toBe(
      'key [redacted] of [redacted], see [redacted]',
    );
  });
});

describe('retryable', () => {
  it.each([
    [408, true],
    [429, true],
    [500, true],
    [529, true],
    [400, false],
    [401, false],
    [402, false],
    [403, false],
    [404, false],
  ])('%i: %s', (status, retryable) => expect(new AttemptFailure('refused', { status }).retryable).toBe(retryable));
});
