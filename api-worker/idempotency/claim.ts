import { sha256Hex } from '../../shared/ids.ts';
import type { StoredAnswer } from '../cache/stored-answer.ts';
import type { AppContext } from '../env.ts';
import { ApiError, unavailable } from '../http/errors.ts';
import { describe, logLine } from '../http/log.ts';
import { LEASE_MS } from './idempotent-answer.ts';

const KEY_LENGTH = 255;
/** Twice within a lease, so that one lost call does not end it. */
const RENEW_MS = LEASE_MS / 2.5;
/** As often a first request may come to nothing while others wait for its answer. */
const TRIES = 5;

/** A request that carries an idempotency key: the first of its kind, or one that gets the first one's answer. */
export interface Claim {
  /** Null: it is the first. */
  replay: StoredAnswer | null;
  /**
   * To be called with the first one's answer: what goes to the client goes to those who repeat it, too.
   *
   * @param whole whether it came to its end; settles when it has.
   */
  keep(response: Response, whole: Promise<boolean>): Response;
  /** To be called where the first one has no answer: the key is free again. */
  release(): void;
}

/**
 * Claims the request's `Idempotency-Key` for it; null: it has none.
 *
 * @throws ApiError 409 where the account used the key for another request in the last 24 hours.
 */
export async function claimKey(c: AppContext, text: string): Promise<Claim | null> {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return null;
  if (key === '' || key.length > KEY_LENGTH) {
    throw new ApiError(400, {
      message: `Invalid header 'idempotency-key': expected 1 to ${KEY_LENGTH} characters, but got ${key.length}.`,
      param: 'idempotency-key',
      code: 'invalid_value',
    });
  }
  const { requestId } = c.var;
  const name = await sha256Hex(JSON.stringify([c.var.principal.userId, key]));
  const requestHash = await sha256Hex(`${c.req.path}\n${text}`);
  const object = c.env.IDEMPOTENT_ANSWERS.getByName(name);
  try {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const verdict = await object.claim(requestHash, requestId);
      if (verdict === 'first') return first(c, object);
      if (verdict === 'other_request') throw keyReused();
      const replay = await object.replay();
      if (replay) return repeated(replay);
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    // To go on without would risk what the key is to prevent.
    throw unavailable('Idempotency keys cannot be looked up at the moment. Please try again.', error);
  }
  throw unavailable('The request that this one repeats keeps failing. Please try again.');
}

type AnswerObject = ReturnType<AppContext['env']['IDEMPOTENT_ANSWERS']['getByName']>;

function first(c: AppContext, object: AnswerObject): Claim {
  const { requestId } = c.var;
  const safely = (work: Promise<unknown>): void =>
    c.executionCtx.waitUntil(
      work.catch((error: unknown) =>
        logLine('error', { event: 'idempotent_answer_not_kept', request_id: requestId, error: describe(error) }),
      ),
    );
  const renewing = setInterval(() => safely(object.renew(requestId)), RENEW_MS);
  const release = async (): Promise<void> => {
    clearInterval(renewing);
    await object.release(requestId);
  };
  return {
    replay: null,
    keep(response, whole) {
      const [client, kept] = response.body?.tee() ?? [null, null];
      if (!kept) return response;
      const head = {
        contentType: response.headers.get('content-type') ?? '',
        model: response.headers.get('x-gateway-model'),
      };
      const keeping = async (): Promise<void> => {
        const taken = await object.take(requestId, head, kept).catch(() => false);
        if (!taken || !(await whole)) return release();
        clearInterval(renewing);
        await object.keep(requestId);
      };
      safely(keeping());
      return new Response(client, response);
    },
    release: () => safely(release()),
  };
}

type Replay = NonNullable<Awaited<ReturnType<AnswerObject['replay']>>>;

function repeated({ head, body }: Replay): Claim {
  const replay: StoredAnswer = {
    contentType: head.contentType,
    model: head.model ?? '',
    finishReason: null,
    body,
    headers: { 'idempotent-replayed': 'true', 'x-cache': 'BYPASS' },
  };
  return { replay, keep: (response) => response, release: () => undefined };
}

/** No waiting helps, which SDKs that try again after a 409 are told. */
function keyReused(): ApiError {
  return new ApiError(409, {
    message: 'This Idempotency-Key was used for another request. Use a new key, or send the same request again.',
    param: 'idempotency-key',
    code: 'idempotency_key_reused',
    headers: { 'x-should-retry': 'false' },
  });
}
