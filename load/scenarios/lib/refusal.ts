import type { RefinedResponse } from 'k6/http';

const DURATION = /^(\d+ms|\d+(\.\d+)?s|\d+m\d+s)$/;

/** What is wrong with a 429: OpenAI's envelope, when to try again, and how the limits stand. */
export function refusalFlaws({ body, headers }: RefinedResponse<'text'>): string[] {
  const { message, type, code, param } = errorOf(body);
  const header = (name: string) => headers[name] ?? '';
  const holds: [string, boolean][] = [
    ['error.message', typeof message === 'string' && message !== ''],
    ['error.type', type === 'requests' || type === 'tokens' || type === 'insufficient_quota'],
    ['error.code', code === (type === 'insufficient_quota' ? type : 'rate_limit_exceeded')],
    ['error.param', param === null],
    ['content-type', header('Content-Type').startsWith('application/json')],
    ['x-request-id', header('X-Request-Id') !== ''],
    ['retry-after', Number(header('Retry-After')) >= 1],
    ['x-ratelimit-limit-requests', /^\d+$/.test(header('X-Ratelimit-Limit-Requests'))],
    ['x-ratelimit-remaining-requests', /^\d+$/.test(header('X-Ratelimit-Remaining-Requests'))],
    ['x-ratelimit-reset-requests', DURATION.test(header('X-Ratelimit-Reset-Requests'))],
  ];
  return holds.flatMap(([what, ok]) => (ok ? [] : [what]));
}

function errorOf(body: string): Record<string, unknown> {
  try {
    return (JSON.parse(body) as { error?: Record<string, unknown> }).error ?? {};
  } catch {
    return {};
  }
}
