import type { AppContext } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import { readJson } from '../http/json-body.ts';
import { invalidRequest } from '../http/validate.ts';
import { admit, type Estimate } from '../limits/admission.ts';
import { handOverAnalytics, handOverUsage } from '../metering/hand-over.ts';
import { outcomeOf, settlementOf } from '../metering/outcome.ts';
import { answerClient, type ClientAnswer } from '../upstream/answer-client.ts';
import { candidatesFor } from '../upstream/candidates.ts';
import { clientError } from '../upstream/client-error.ts';
import { costBound } from '../upstream/cost-bound.ts';
import type { Journal } from '../upstream/failover.ts';
import { AttemptFailure } from '../upstream/failure.ts';
import { knownModels } from '../upstream/model-list.ts';
import { policyOf } from '../upstream/policy.ts';
import { withFields } from '../upstream/request-body.ts';
import { within } from '../within.ts';
import { likelyTokens, mostAmounts } from './chat-amounts.ts';
import { ChatRequest } from './chat-request.ts';

/** Prices come from memory or KV, but for the first request of a new system. */
const PRICES_TIMEOUT_MS = 2_000;

/** POST /v1/chat/completions: the relay lane, streamed or not. */
export async function chatCompletions(c: AppContext): Promise<Response> {
  const { text, request } = await readChatRequest(c);
  const streamed = request.stream === true;
  const requestedModel = request.model ?? request.models?.[0] ?? c.env.DEFAULT_MODEL;
  const candidates = candidatesFor(c.env, { ...request, model: requestedModel });
  const admission = await admit(c, await estimateOf(c, text, request, candidates), requestedModel);
  const journal: Journal = { attempts: 0, failures: [] };
  const settling = settle(
    answerClient(
      {
        env: c.env,
        path: '/chat/completions',
        candidates,
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
  const ending = settling.then((settled) => (settled.answered ? settled.answered.ending : settled));
  const outcome = outcomeOf(facts, journal, ending);
  c.set('outcome', outcome);
  // From here on the request is accepted: what follows its end is under way before it is answered.
  c.executionCtx.waitUntil(
    outcome.then(({ event }) =>
      Promise.all([
        admission.settle(settlementOf(event)),
        handOverUsage(c.env, event),
        handOverAnalytics(c.env, { ...event, streamed, message_count: request.messages.length }),
      ]),
    ),
  );
  const settled = await settling;
  if (!settled.answered) throw clientError(settled.failure, requestedModel);
  const { response } = settled.answered;
  response.headers.set('openai-processing-ms', String(Date.now() - c.var.arrivedAt));
  return response;
}

/** The price list is looked at only for accounts with a budget; while it cannot be had, the dearest prices are taken. */
async function estimateOf(
  c: AppContext,
  text: string,
  request: ChatRequest,
  candidates: readonly string[],
): Promise<Estimate> {
  const asked = { request, text, maxTokensDefault: Number(c.env.MAX_TOKENS_DEFAULT) };
  const { budget_day_nano_usd: day, budget_month_nano_usd: month } = c.var.principal.limits;
  if (day === null && month === null) return { tokens: likelyTokens(asked), costNanoUsd: 0 };
  const listed = knownModels(c.env, (work) => c.executionCtx.waitUntil(work));
  const models = await within(PRICES_TIMEOUT_MS, listed).catch(() => null);
  const most = costBound([...candidates, ...(request.models ?? [])], models, mostAmounts(asked));
  return { tokens: likelyTokens(asked), costNanoUsd: most };
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

type Settled = { answered: ClientAnswer } | { answered?: never; failure: AttemptFailure };

/** Failures become values, unexpected ones too: whatever happens, an accepted request is metered. */
async function settle(answering: Promise<ClientAnswer>): Promise<Settled> {
  try {
    return { answered: await answering };
  } catch (error) {
    return { failure: error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error }) };
  }
}
