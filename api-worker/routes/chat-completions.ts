import type { AppContext } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import { readBodyAndText } from '../http/input.ts';
import { admit } from '../limits/admission.ts';
import { listOf } from '../list-of.ts';
import { handOverAnalytics, handOverUsage } from '../metering/hand-over.ts';
import { outcomeOf, settlementOf } from '../metering/outcome.ts';
import { answerClient, type ClientAnswer } from '../upstream/answer-client.ts';
import { type Candidate, candidatesFor } from '../upstream/candidates.ts';
import { Circuits } from '../upstream/circuits.ts';
import { clientError } from '../upstream/client-error.ts';
import { costBound } from '../upstream/cost-bound.ts';
import type { UpstreamRequest } from '../upstream/failover.ts';
import { AttemptFailure } from '../upstream/failure.ts';
import { newJournal } from '../upstream/journal.ts';
import { knownModels } from '../upstream/model-list.ts';
import { policyOf } from '../upstream/policy.ts';
import { within } from '../within.ts';
import { type Asked, likelyTokens, mediaOf, mostAmounts, needsOf } from './chat-amounts.ts';
import { bodyFor } from './chat-body.ts';
import { ChatRequest } from './chat-request.ts';
import { chatResume } from './chat-resume.ts';
import { gatewayOptions } from './gateway-options.ts';

/** The model list comes from memory or KV, but for the first request of a new system. */
const MODELS_TIMEOUT_MS = 2_000;

/** POST /v1/chat/completions: the relay lane, streamed or not. */
export async function chatCompletions(c: AppContext): Promise<Response> {
  const { env } = c;
  const keepAlive = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
  const options = gatewayOptions(c);
  const { text, body: request } = await readBodyAndText(c, ChatRequest);
  const streamed = request.stream === true;
  const requestedModel = request.model ?? request.models?.[0] ?? env.DEFAULT_MODEL;
  const asked: Asked = {
    request,
    media: mediaOf(request, text),
    maxTokensDefault: Number(env.MAX_TOKENS_DEFAULT),
  };
  let listing: ReturnType<typeof knownModels> | null = null;
  const listed = () => {
    listing ??= knownModels(env, keepAlive);
    return within(MODELS_TIMEOUT_MS, listing).catch(() => null);
  };
  const requested = {
    model: request.model ?? null,
    models: request.models ?? [],
    fallback: options.fallback ?? true,
    needs: needsOf(asked),
  };
  const candidates = await candidatesFor(env, requested, listed);
  const [likeliest] = candidates.first;
  if (!likeliest) throw noneCan(requestedModel);

  const circuits = new Circuits(env, keepAlive);
  // What a fresh isolate must learn, it learns while the limiter is asked.
  circuits.learn(likeliest.model);
  const boundOf = await boundsFor(c, asked, listed);
  let reserved = boundOf(likeliest);
  const admission = await admit(c, { tokens: likelyTokens(asked), costNanoUsd: reserved }, requestedModel);

  const journal = newJournal();
  const upstream: UpstreamRequest = {
    env,
    path: '/chat/completions',
    caller: { userId: c.var.principal.userId, requestId: c.var.requestId },
    streamed,
    candidates,
    bodyFor: (candidate) => bodyFor(text, request, candidate, asked.maxTokensDefault),
    boundOf,
    reserve(nanoUsd) {
      if (nanoUsd <= reserved) return true;
      return admission.raise(nanoUsd).then((raised) => {
        if (raised) reserved = Math.max(reserved, nanoUsd);
        return raised;
      });
    },
    policy: policyOf(env),
    circuits,
    representative: request.provider == null && request.route == null,
    hedge: options.hedge ?? (candidates.tier !== null && listOf(env.HEDGED_TIERS).includes(candidates.tier)),
    journal,
    signal: c.req.raw.signal,
  };
  const resume = (options.resume ?? c.var.principal.resume) && streamed;
  const settling = settle(
    answerClient({
      ...upstream,
      requestedModel,
      resume: resume ? chatResume(upstream, text, request, asked.maxTokensDefault) : null,
    }),
  );

  const facts = {
    requestId: c.var.requestId,
    userId: c.var.principal.userId,
    keyId: c.var.principal.keyId,
    endpoint: c.req.path,
    requestedModel,
    arrivedAt: c.var.arrivedAt,
  };
  const ending = settling.then((settled) => (settled.answered ? settled.answered.ending : settled));
  const outcome = outcomeOf(env, facts, journal, ending);
  c.set('outcome', outcome);
  // From here on the request is accepted: what follows its end is under way before it is answered.
  keepAlive(
    outcome.then(({ event, heldNanoUsd }) =>
      Promise.all([
        admission.settle(settlementOf(event, heldNanoUsd)),
        handOverUsage(env, event),
        handOverAnalytics(env, { ...event, streamed, message_count: request.messages.length }),
      ]),
    ),
  );
  const settled = await settling;
  if (!settled.answered) throw clientError(settled.failure, requestedModel);
  const { response } = settled.answered;
  response.headers.set('openai-processing-ms', String(Date.now() - c.var.arrivedAt));
  return response;
}

/**
 * The most that an attempt at a candidate can cost, nano-dollars. 0 for accounts without a budget: prices
 * are not looked at. While the list cannot be had, the dearest are taken.
 */
async function boundsFor(
  c: AppContext,
  asked: Asked,
  listed: () => Promise<Awaited<ReturnType<typeof knownModels>> | null>,
): Promise<(candidate: Candidate, extraPromptTokens?: number) => number> {
  const { budget_day_nano_usd: day, budget_month_nano_usd: month } = c.var.principal.limits;
  if (day === null && month === null) return () => 0;
  const models = await listed();
  const amounts = mostAmounts(asked);
  return ({ model }, extraPromptTokens = 0) =>
    costBound([model], models, { ...amounts, promptTokens: amounts.promptTokens + extraPromptTokens });
}

function noneCan(model: string): ApiError {
  return new ApiError(400, {
    message: `No model that '${model}' stands for can serve this request: none takes its tools, images, response_format or length.`,
    param: 'model',
    code: 'unsupported_value',
  });
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
