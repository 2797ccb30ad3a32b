import { type CacheFinding, cacheUse, keep, lookUp, NO_USE } from '../cache/response-cache.ts';
import { answerAgain } from '../cache/stored-answer.ts';
import type { AppContext } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import { claimKey } from '../idempotency/claim.ts';
import { type Admission, admit } from '../limits/admission.ts';
import { listOf } from '../list-of.ts';
import { type Asked, analyticsEvent } from '../metering/analytics.ts';
import { handOverAnalytics, handOverUsage } from '../metering/hand-over.ts';
import { outcomeOf, settlementOf } from '../metering/outcome.ts';
import type { ClientAnswer } from '../upstream/answer-client.ts';
import { type Candidate, candidatesFor, type Requested } from '../upstream/candidates.ts';
import { Circuits } from '../upstream/circuits.ts';
import { clientError } from '../upstream/client-error.ts';
import { type Amounts, costBound } from '../upstream/cost-bound.ts';
import type { UpstreamRequest } from '../upstream/failover.ts';
import { AttemptFailure } from '../upstream/failure.ts';
import { type Journal, newJournal } from '../upstream/journal.ts';
import { knownModels } from '../upstream/model-list.ts';
import { policyOf } from '../upstream/policy.ts';
import { within } from '../within.ts';
import { conversationOf } from './conversation.ts';
import { type GatewayOptions, gatewayOptions } from './gateway-options.ts';

/** The model list comes from memory or KV, but for the first request of a new system. */
const MODELS_TIMEOUT_MS = 2_000;

/** For so long an answer is finished whose client left. */
const WANTED_MS = 15_000;

/** What an endpoint makes of a request: who may answer it, what it may take, how it is put to them. */
export interface Job {
  /** The request's JSON as it came, and what is read of it here. */
  text: string;
  request: { session_id?: string | null | undefined; metadata?: Record<string, unknown> | null | undefined };
  streamed: boolean;
  /** Messages, prompts or inputs. */
  messageCount: number;
  /** Below UPSTREAM_BASE_URL, such as `/chat/completions`. */
  path: string;
  requested: Omit<Requested, 'fallback'>;
  /** Whether a model that the request does not name could stand in for one that it names. */
  replaceable: boolean;
  /** Tokens that it is likely to take, for the rate. */
  likelyTokens: number;
  /** The most that one upstream call can take, and how many are made at once. */
  mostAmounts: Amounts;
  calls: number;
  /** The upstream's body for one candidate. */
  bodyFor(candidate: Candidate): string;
  /** Whether what becomes of the attempts says something of their models. */
  representative: boolean;
  /** Whether the same request is meant to have the same answer; null: none may be given twice. */
  deterministic: boolean | null;
  /** Gets the answer: the relay lane's, or the agent lane's. */
  answer(upstream: UpstreamRequest, requestedModel: string, options: GatewayOptions): Promise<ClientAnswer>;
}

/**
 * Serves a request that costs money: once, however often it is sent under one idempotency key; from the
 * cache where that may be; else by whoever answers. Whatever happens after admission is metered.
 */
export async function serve(c: AppContext, job: Job): Promise<Response> {
  const options = gatewayOptions(c);
  const asked = askedOf(c, job, options);
  const claim = await claimKey(c, job.text);
  try {
    const { response, ending } = claim?.replay
      ? await giveAgain(c, job, asked, answerAgain(claim.replay))
      : await answerAnew(c, job, asked, options, claim !== null);
    response.headers.set('openai-processing-ms', String(Date.now() - c.var.arrivedAt));
    if (!claim) return response;
    const whole = ending.then((ended) => !('failure' in ended) && ended.end === 'complete');
    return claim.keep(response, whole);
  } catch (error) {
    claim?.release();
    throw error;
  }
}

function askedOf(c: AppContext, { request, streamed, messageCount, text }: Job, { privacy }: GatewayOptions): Asked {
  return {
    streamed,
    messageCount,
    conversationId: conversationOf(c, request),
    // Whoever of the three wants it: none can take it from the others.
    isPrivate: privacy === true || c.var.principal.privacy || c.env.PRIVACY_MODE === 'true',
    input: text,
  };
}

async function giveAgain(c: AppContext, job: Job, asked: Asked, answer: ClientAnswer): Promise<ClientAnswer> {
  const admission = await admit(c, { tokens: 0, costNanoUsd: 0 }, requestedModelOf(c, job));
  meterAndSettle(c, job, asked, admission, newJournal(), Promise.resolve({ answer }));
  return answer;
}

/** @param wanted whether the answer is wanted though its client left: it may ask for it again. */
async function answerAnew(
  c: AppContext,
  job: Job,
  asked: Asked,
  options: GatewayOptions,
  wanted: boolean,
): Promise<ClientAnswer> {
  const { env } = c;
  const keepAlive = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
  const requestedModel = requestedModelOf(c, job);
  let listing: ReturnType<typeof knownModels> | null = null;
  const listed = () => {
    listing ??= knownModels(env, keepAlive);
    return within(MODELS_TIMEOUT_MS, listing).catch(() => null);
  };
  const fallback = job.replaceable && (options.fallback ?? true);
  const candidates = await candidatesFor(env, { ...job.requested, fallback }, listed);
  const [likeliest] = candidates.first;
  if (!likeliest) throw noneCan(requestedModel);

  const circuits = new Circuits(env, keepAlive);
  // What a fresh isolate must learn, it learns while the limiter is asked.
  circuits.learn(likeliest.model);
  const boundOf = await boundsFor(c, job.mostAmounts, listed);
  let reserved = boundOf(likeliest) * job.calls;
  const admission = await admit(c, { tokens: job.likelyTokens, costNanoUsd: reserved }, requestedModel);
  const { cacheGeneration } = admission;
  // Which answers are still in force the account's limiter knows.
  const use =
    cacheGeneration === null
      ? NO_USE
      : cacheUse(c, { asked: options.cache, deterministic: job.deterministic, isPrivate: asked.isPrivate });
  const found = await lookUp(env, use, {
    userId: c.var.principal.userId,
    generation: cacheGeneration ?? 0,
    path: c.req.path,
    text: job.text,
    candidates: candidates.first,
    fallback,
    maxTokensDefault: env.MAX_TOKENS_DEFAULT,
  });

  const journal = newJournal();
  const upstream: UpstreamRequest = {
    env,
    path: job.path,
    caller: { userId: c.var.principal.userId, requestId: c.var.requestId },
    streamed: job.streamed,
    candidates,
    bodyFor: job.bodyFor,
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
    representative: job.representative,
    hedge: options.hedge ?? (candidates.tier !== null && listOf(env.HEDGED_TIERS).includes(candidates.tier)),
    journal,
    signal: wanted ? someTimeAfter(c.req.raw.signal) : c.req.raw.signal,
  };
  const settling = found.answer
    ? Promise.resolve({ answer: answerAgain(found.answer) })
    : settle(() => job.answer(upstream, requestedModel, options), found);
  meterAndSettle(c, job, asked, admission, journal, settling);
  if (found.key && c.var.outcome) {
    keepAlive(
      keep(
        env,
        found.key,
        settling.then(({ answer }) => answer ?? null),
        c.var.outcome,
        () => answeredAsAsked(journal, candidates.first),
      ),
    );
  }
  const settled = await settling;
  if (!settled.answer) throw clientError(settled.failure, requestedModel);
  const { response } = settled.answer;
  if (!response.headers.has('x-cache')) response.headers.set('x-cache', use.read ? 'MISS' : 'BYPASS');
  response.headers.set('server-timing', serverTiming(c.var.arrivedAt, journal));
  return settled.answer;
}

/** What the time until the answer began went into: the upstream, from the first attempt on, and the gateway before it. */
function serverTiming(arrivedAt: number, { attempts: [first] }: Journal): string {
  const now = Date.now();
  const calledAt = first?.startedAt ?? now;
  return `gateway;dur=${calledAt - arrivedAt}, upstream;dur=${now - calledAt}`;
}

/** Whether one of those answered who were asked for, not a stand-in that is to be replaced when they are back. */
function answeredAsAsked({ attempts }: Journal, asked: readonly Candidate[]): boolean {
  const model = attempts.findLast(({ relayed }) => relayed)?.model;
  return asked.some((candidate) => candidate.model === model && !candidate.makeshift);
}

/**
 * A signal that follows another one when it must: the runtime lets a request live for 30 s after its
 * client left, in which its usage must still be read and told.
 */
function someTimeAfter(left: AbortSignal): AbortSignal {
  const giving = new AbortController();
  const giveUp = () => setTimeout(() => giving.abort(new AttemptFailure('client_left')), WANTED_MS);
  if (left.aborted) giveUp();
  else left.addEventListener('abort', giveUp, { once: true });
  return giving.signal;
}

function requestedModelOf({ env }: AppContext, { requested }: Job): string {
  return requested.model ?? requested.models[0] ?? env.DEFAULT_MODEL;
}

/**
 * The most that an attempt at a candidate can cost, nano-dollars. 0 for accounts without a budget: prices
 * are not looked at. While the list cannot be had, the dearest are taken.
 */
async function boundsFor(
  c: AppContext,
  amounts: Amounts,
  listed: () => Promise<Awaited<ReturnType<typeof knownModels>> | null>,
): Promise<UpstreamRequest['boundOf']> {
  const { budget_day_nano_usd: day, budget_month_nano_usd: month } = c.var.principal.limits;
  if (day === null && month === null) return () => 0;
  const models = await listed();
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

type Settled = { answer: ClientAnswer } | { answer?: never; failure: AttemptFailure };

/**
 * Failures become values, unexpected ones too: whatever happens, an accepted request is metered. Where
 * nobody answers, an answer that was given before is better than none.
 */
async function settle(answering: () => Promise<ClientAnswer>, { stale }: CacheFinding): Promise<Settled> {
  try {
    return { answer: await answering() };
  } catch (error) {
    const failure = error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error });
    const nobodyAnswers = failure.retryable || failure.ours || failure.kind === 'circuit_open';
    return stale && nobodyAnswers ? { answer: answerAgain(stale) } : { failure };
  }
}

/** From here on the request is accepted: what follows its end is under way before it is answered. */
function meterAndSettle(
  c: AppContext,
  job: Job,
  asked: Asked,
  admission: Admission,
  journal: Journal,
  settling: Promise<Settled>,
): void {
  const { env } = c;
  const facts = {
    requestId: c.var.requestId,
    userId: c.var.principal.userId,
    keyId: c.var.principal.keyId,
    endpoint: c.req.path,
    requestedModel: requestedModelOf(c, job),
    arrivedAt: c.var.arrivedAt,
    prompt: { json: job.text, images: job.mostAmounts.images },
  };
  const ending = settling.then((settled) => (settled.answer ? settled.answer.ending : settled));
  const outcome = outcomeOf(env, facts, journal, ending);
  c.set('outcome', outcome);
  const handOver = async (): Promise<void> => {
    const { event, heldNanoUsd } = await outcome;
    const ended = await ending;
    const output = 'failure' in ended ? { body: null, bodyLength: 0 } : ended;
    const billing = handOverUsage(env, event, admission.keep).then(async (stored) => {
      // Until its event is kept somewhere, the lease is what reports the request.
      if (stored) await admission.settle(settlementOf(event, heldNanoUsd));
    });
    const analytics = analyticsEvent(env, event, asked, output).then((analytics) =>
      handOverAnalytics(env, analytics, admission.keep),
    );
    await Promise.all([billing, analytics]);
  };
  c.executionCtx.waitUntil(handOver());
}
