import pRetry from 'p-retry';
import type { Env } from '../env.ts';
import { logLine } from '../http/log.ts';
import { type Answer, attempt, reasonOf } from './attempt.ts';
import type { Candidate, Candidates } from './candidates.ts';
import type { Circuits } from './circuits.ts';
import type { Caller } from './endpoint.ts';
import { AttemptFailure } from './failure.ts';
import { addFirstEventTime, timesKey, usualFirstEventTime } from './first-event-times.ts';
import type { AttemptRecord, Journal } from './journal.ts';
import type { Policy } from './policy.ts';

/** Delays double from here, before jitter, ms. */
const BACKOFF_MS = 250;
/** A longer Retry-After is not waited for: the next candidate is there sooner. */
const RETRY_AFTER_MAX_MS = 5_000;
/** An attempt that has less time left is not begun. */
const ATTEMPT_MIN_MS = 1_000;

/** What is to be answered, and by whom. */
export interface UpstreamRequest {
  env: Env;
  /** Below UPSTREAM_BASE_URL, such as `/chat/completions`. */
  path: string;
  caller: Caller;
  streamed: boolean;
  candidates: Candidates;
  /** The body for one candidate. */
  bodyFor(candidate: Candidate): string;
  /** The most that an attempt at a candidate can cost, nano-dollars; 0 where nobody asks. */
  boundOf(candidate: Candidate, extraPromptTokens?: number): number;
  /** Sees to it that so much is reserved for all attempts together; false: there is no room for it. */
  reserve(nanoUsd: number): boolean | Promise<boolean>;
  policy: Policy;
  circuits: Circuits;
  /** Whether what becomes of the attempts says something of their models: not where the client restricts who may serve them. */
  representative: boolean;
  /** Whether a second candidate is started when the first is later than it usually is. */
  hedge: boolean;
  /** Whether the answer is made of its transcript; unset: it is not. */
  needsTranscript?: boolean;
  journal: Journal;
  /** Aborted when the client leaves. */
  signal: AbortSignal;
}

/** A request on its way. Its journal may hold attempts at others, such as steps before. */
interface Trying extends UpstreamRequest {
  /** The attempts that are made for it. */
  own: AttemptRecord[];
}

/** One candidate that is being tried. */
interface Contender {
  startedAt: number;
  model: string;
  /** Settles with what came of it. Never rejects. */
  result: Promise<{ contender: Contender; answer: Answer } | { contender: Contender; failure: AttemptFailure }>;
  giveUp(): void;
}

/**
 * The first answer to be had: every candidate in turn, each tried again while that may help; with
 * hedging, a second one beside the first when that is late.
 *
 * @throws AttemptFailure when there is none: of all failures the one that the client can do most about.
 */
export async function failover(upstream: UpstreamRequest): Promise<Answer> {
  const request: Trying = { ...upstream, own: [] };
  const deadline = Date.now() + request.policy.totalTimeoutMs;
  const queue = new CandidateQueue(request);
  const running = new Set<Contender>();
  const failures: AttemptFailure[] = [];
  const startNext = async (): Promise<boolean> => {
    const candidate = Date.now() + ATTEMPT_MIN_MS < deadline ? await queue.next() : null;
    if (candidate) running.add(contend(request, candidate, deadline));
    return candidate !== null;
  };

  for (let mayHedge = request.hedge; running.size > 0 || (await startNext()); ) {
    const late = mayHedge && running.size === 1 ? lateness(request, [...running]) : null;
    const first = await Promise.race([...[...running].map(({ result }) => result), ...(late ? [late.passed] : [])]);
    late?.cancel();
    if (first === 'late') {
      mayHedge = await startNext();
      continue;
    }
    running.delete(first.contender);
    if ('answer' in first) {
      for (const other of running) other.giveUp();
      return first.answer;
    }
    failures.push(first.failure);
    if (first.failure.ours) alert(first.failure, request);
    // Who is running beside it may still answer.
    if (!othersMayHelp(first.failure, first.contender.model, request)) queue.close();
  }
  throw verdict(request, [...failures, ...queue.openCircuits]);
}

/** The candidates in order, without those whose circuit is open. */
class CandidateQueue {
  readonly #request: UpstreamRequest;
  #waiting: Candidate[];
  #more: (() => Promise<readonly Candidate[]>) | null;
  readonly openCircuits: AttemptFailure[] = [];

  constructor(request: UpstreamRequest) {
    this.#request = request;
    this.#waiting = [...request.candidates.first];
    this.#more = request.candidates.more;
  }

  /** No one else is to be tried. */
  close(): void {
    this.#waiting = [];
    this.#more = null;
  }

  async next(): Promise<Candidate | null> {
    const { circuits, journal } = this.#request;
    for (;;) {
      const candidate = this.#waiting.shift();
      if (candidate) {
        const learning = circuits.learn(candidate.model);
        if (learning) await learning;
        const retryAfterMs = circuits.closedFor(candidate.model);
        if (retryAfterMs === 0) return candidate;
        journal.skipped.push(`${candidate.model}: circuit_open`);
        this.openCircuits.push(new AttemptFailure('circuit_open', { retryAfterMs }));
      } else if (this.#more) {
        const more = this.#more;
        this.#more = null;
        this.#waiting = [...(await more())];
      } else return null;
    }
  }
}

function contend(request: Trying, candidate: Candidate, deadline: number): Contender {
  const { model } = candidate;
  const giving = new AbortController();
  const contender: Contender = {
    startedAt: Date.now(),
    model,
    result: tryCandidate(request, candidate, deadline, AbortSignal.any([request.signal, giving.signal])).then(
      (answer) => ({ contender, answer }),
      (error: unknown) => ({ contender, failure: asFailure(error) }),
    ),
    giveUp() {
      const outrun = new AttemptFailure('outrun');
      giving.abort(outrun);
      // It may have answered in the same moment.
      void contender.result.then((settled) => {
        if (!('answer' in settled)) return;
        settled.answer.record.failure = outrun;
        settled.answer.abort();
      });
    },
  };
  return contender;
}

function tryCandidate(request: Trying, candidate: Candidate, deadline: number, signal: AbortSignal): Promise<Answer> {
  const { policy, circuits, representative } = request;
  const { model } = candidate;
  const body = request.bodyFor(candidate);
  let delayMs = 0;
  const mayRetry = (failure: unknown, attemptNumber: number): boolean => {
    if (!(failure instanceof AttemptFailure) || !failure.retryable || signal.aborted) return false;
    delayMs = delayBefore(attemptNumber, failure.retryAfterMs);
    if ((failure.retryAfterMs ?? 0) > RETRY_AFTER_MAX_MS || circuits.closedFor(model) > 0) return false;
    return Date.now() + delayMs + ATTEMPT_MIN_MS < deadline;
  };
  return pRetry(
    async () => {
      if (delayMs > 0) await scheduler.wait(delayMs, { signal }).catch(() => undefined);
      const call = async () => {
        const record = await openRecord(request, candidate, signal);
        const answer = await attempt({ ...request, body, deadline, signal, record });
        addFirstEventTime(timesKey(model, request.streamed), answer.firstEventAt - record.startedAt);
        return answer;
      };
      return representative ? circuits.run(model, call) : call();
    },
    {
      retries: policy.retries,
      // The waiting is ours, for Retry-After is.
      minTimeout: 0,
      shouldRetry: ({ error, attemptNumber }) => mayRetry(error, attemptNumber),
    },
  );
}

/**
 * Enters an attempt into the journal and sees to it that what it may cost is reserved beside the others.
 *
 * @throws AttemptFailure when there is no room for it, or it is not wanted any more.
 */
async function openRecord(
  { journal, own, boundOf, reserve }: Trying,
  candidate: Candidate,
  signal: AbortSignal,
): Promise<AttemptRecord> {
  const { attempts, skipped } = journal;
  const record: AttemptRecord = {
    model: candidate.model,
    startedAt: Date.now(),
    boundNanoUsd: boundOf(candidate),
    generationId: null,
    contentType: null,
    transcript: null,
    failure: null,
    relayed: false,
    generation: null,
  };
  // Before there is known to be room for it: attempts that begin at the same time count one another.
  attempts.push(record);
  const costly = attempts.filter(({ failure }) => failure?.mayHaveCost ?? true);
  const reserving = reserve(costly.reduce((sum, { boundNanoUsd }) => sum + boundNanoUsd, 0));
  const reserved = typeof reserving === 'boolean' ? reserving : await reserving;
  if (reserved && !signal.aborted) {
    own.push(record);
    return record;
  }
  attempts.splice(attempts.indexOf(record), 1);
  if (signal.aborted) throw reasonOf(signal);
  const failure = new AttemptFailure('unaffordable');
  skipped.push(`${candidate.model}: ${failure.message}`);
  throw failure;
}

/** Settles when the first event of a contender is later than 95 of 100 are. */
function lateness({ policy, streamed }: UpstreamRequest, [contender]: Contender[]) {
  const { startedAt = 0, model = '' } = contender ?? {};
  const usual = usualFirstEventTime(timesKey(model, streamed)) ?? policy.hedgeAfterMs;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const passed = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), Math.max(0, startedAt + usual - Date.now()));
  });
  return { passed, cancel: () => clearTimeout(timer) };
}

/** Whether another candidate may do better than one that failed. */
function othersMayHelp(failure: AttemptFailure, model: string, { candidates }: UpstreamRequest): boolean {
  if (failure.retryable || failure.kind === 'circuit_open' || failure.kind === 'unaffordable') return true;
  // What one model refuses of a request another may take, but for the one that the client insists on.
  return failure.kind === 'refused' && !failure.ours && model !== candidates.insistsOn;
}

/** What to tell of several failures: one that trying again helps against, the first of those. */
function verdict({ signal, own }: Trying, failures: readonly AttemptFailure[]): AttemptFailure {
  if (signal.aborted) return new AttemptFailure('client_left');
  // A candidate's last failure may hide why it was tried again.
  const all = [...own.flatMap(({ failure }) => failure ?? []), ...failures];
  return (
    all.find((failure) => failure.retryable || failure.kind === 'circuit_open') ??
    all[0] ??
    new AttemptFailure('timeout')
  );
}

function alert(failure: AttemptFailure, { journal, caller }: UpstreamRequest): void {
  logLine('error', {
    event: 'alert',
    alert: failure.status === 402 ? 'upstream_credit_spent' : 'upstream_refuses_our_key',
    request_id: caller.requestId,
    model: journal.attempts.at(-1)?.model,
  });
}

function asFailure(error: unknown): AttemptFailure {
  return error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error });
}

/** Full jitter (anything up to the doubled delay), never less than the upstream asked for. */
export function delayBefore(attemptNumber: number, retryAfterMs: number | null, random = Math.random): number {
  return Math.max(retryAfterMs ?? 0, Math.floor(random() * BACKOFF_MS * 2 ** (attemptNumber - 1)));
}
