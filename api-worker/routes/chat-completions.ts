import type { AppContext } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import { readJson } from '../http/json-body.ts';
import { invalidRequest } from '../http/validate.ts';
import { handOverAnalytics, handOverUsage } from '../metering/hand-over.ts';
import { outcomeOf } from '../metering/outcome.ts';
import { answerClient, type ClientAnswer } from '../upstream/answer-client.ts';
import { candidatesFor } from '../upstream/candidates.ts';
import { clientError } from '../upstream/client-error.ts';
import type { Journal } from '../upstream/failover.ts';
import { AttemptFailure } from '../upstream/failure.ts';
import { policyOf } from '../upstream/policy.ts';
import { withFields } from '../upstream/request-body.ts';
import { ChatRequest } from './chat-request.ts';

/** POST /v1/chat/completions: the relay lane, streamed or not. */
export async function chatCompletions(c: AppContext): Promise<Response> {
  const { text, request } = await readChatRequest(c);
  const streamed = request.stream === true;
  const requestedModel = request.model ?? request.models?.[0] ?? c.env.DEFAULT_MODEL;
  const journal: Journal = { attempts: 0, failures: [] };
  const { answered, failure } = await settle(
    answerClient(
      {
        env: c.env,
        path: '/chat/completions',
        candidates: candidatesFor(c.env, { ...request, model: requestedModel }),
        bodyFor: (model) => withFields(text, request, fieldsFor(c, request, model)),
        journal,
        policy: policyOf(c.env),
        signal: c.req.raw.signal,
      },
      streamed,
    ),
  );

  const facts = {
    requestId: c.var.requestId,
    userId: c.var.principal.userId,
    keyId: c.var.principal.keyId,
    endpoint: c.req.path,
    requestedModel,
    streamed,
    arrivedAt: c.var.arrivedAt,
  };
  const outcome = outcomeOf(facts, journal, answered ? answered.ending : Promise.resolve({ failure }));
  c.set('outcome', outcome);
  c.executionCtx.waitUntil(
    outcome.then(({ event }) =>
      Promise.all([
        handOverUsage(c.env, event),
        handOverAnalytics(c.env, { ...event, streamed, message_count: request.messages.length }),
      ]),
    ),
  );
  if (!answered) throw clientError(failure, requestedModel);
  answered.response.headers.set('openai-processing-ms', String(Date.now() - c.var.arrivedAt));
  return answered.response;
}

async function readChatRequest(c: AppContext): Promise<{ text: string; request: ChatRequest }> {
  const { text, value } = await readJson(c);
  const parsed = ChatRequest.safeParse(value, { reportInput: true });
  if (!parsed.success) throw new ApiError(400, invalidRequest(parsed.error));
  return { text, request: parsed.data };
}

/** What we set in the client's body: the model, unless it is the one it names, and a length where it sets none. */
function fieldsFor(c: AppContext, request: ChatRequest, model: string): Record<string, unknown> {
  const maxTokens = Number(c.env.MAX_TOKENS_DEFAULT);
  const unlimited = request.max_tokens == null && request.max_completion_tokens == null;
  const named = request.model ?? (request.models?.length ? model : undefined);
  return {
    model: named === model ? undefined : model,
    max_tokens: unlimited && maxTokens > 0 ? maxTokens : undefined,
  };
}

type Settled = { answered: ClientAnswer; failure?: never } | { answered?: never; failure: AttemptFailure };

/** Expected failures become values: they are metered before the client is told. */
async function settle(answering: Promise<ClientAnswer>): Promise<Settled> {
  try {
    return { answered: await answering };
  } catch (error) {
    if (error instanceof AttemptFailure) return { failure: error };
    throw error;
  }
}
