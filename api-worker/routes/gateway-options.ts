import type { AppContext } from '../env.ts';
import { ApiError } from '../http/errors.ts';

/** What a request asks of the gateway itself, in headers of its own. Null: it does not say. */
export interface GatewayOptions {
  /** `x-gateway-resume`: whether a stream that its provider breaks is continued on another model. */
  resume: boolean | null;
  /** `x-gateway-hedge`: whether a second model is started when the first is late. */
  hedge: boolean | null;
  /** `x-gateway-fallback`: whether models that the request does not name may answer. */
  fallback: boolean | null;
  /** `x-gateway-cache`: whether an answer that was given before may be given again. */
  cache: boolean | null;
  /** `x-privacy-mode`: whether analytics are told lengths instead of content. */
  privacy: boolean | null;
}

/** 400 for a value that is neither `true` nor `false`. */
export function gatewayOptions(c: AppContext): GatewayOptions {
  return {
    resume: flag(c, 'x-gateway-resume'),
    hedge: flag(c, 'x-gateway-hedge'),
    fallback: flag(c, 'x-gateway-fallback'),
    cache: flag(c, 'x-gateway-cache'),
    privacy: flag(c, 'x-privacy-mode'),
  };
}

function flag(c: AppContext, name: string): boolean | null {
  const value = c.req.header(name)?.trim().toLowerCase();
  if (value === undefined || value === '') return null;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new ApiError(400, {
    message: `Invalid header '${name}': expected 'true' or 'false', but got '${value.slice(0, 32)}'.`,
    param: name,
    code: 'invalid_value',
  });
}
