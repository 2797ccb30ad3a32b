import { createOpenAI } from '@ai-sdk/openai';
import type { LanguageModel } from 'ai';
import { meterTranscript } from '../metering/usage.ts';
import type { Answer } from '../upstream/attempt.ts';
import type { Candidate } from '../upstream/candidates.ts';
import { failover, type UpstreamRequest } from '../upstream/failover.ts';
import { AttemptFailure } from '../upstream/failure.ts';
import { type RelayEnd, relay } from '../upstream/relay.ts';
import { dataOf, eventOf, wholeEvents } from '../upstream/sse.ts';
import { reducedChunk, reducedCompletion } from './for-the-sdk.ts';
import { reasoningDetailsOf } from './reasoning-details.ts';

// Its warnings are about settings that are not ours to mend, and would stand in the log on their own.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

/** One call of the model, as the AI SDK would make it. */
interface Step {
  /** From 0. */
  number: number;
  /** Messages by which the conversation has grown since the client's request: what was said, called and found. */
  added: readonly Record<string, unknown>[];
  /** In OpenAI's form. */
  tools: readonly { function: { name: string } }[];
}

/** The upstream's body for a step. */
export type BodyOfStep = (step: Step, candidate: Candidate) => string;

/**
 * The upstream as a model of the AI SDK. The SDK keeps the conversation; each of its calls goes the way
 * that all calls go: candidates, retries, reservations, journal, meter. Of the request that it would send
 * only what it added is taken: the client's own words go up as the client wrote them.
 */
export class UpstreamSteps {
  readonly #upstream: UpstreamRequest;
  readonly #bodyOf: BodyOfStep;
  readonly #answers: Answer[] = [];
  readonly #ends: Promise<RelayEnd>[] = [];
  /** Why a step had no answer; null: each had one. */
  failure: AttemptFailure | null = null;

  constructor(upstream: UpstreamRequest, bodyOf: BodyOfStep) {
    this.#upstream = upstream;
    this.#bodyOf = bodyOf;
  }

  /** For one call of `streamText` or `generateText`, whose prompt is one message, in whose place the client's stand. */
  get model(): LanguageModel {
    const [likeliest] = this.#upstream.candidates.first;
    // Key and address are those of the upstream call that is made in its stead.
    const provider = createOpenAI({
      apiKey: 'unused',
      baseURL: this.#upstream.env.UPSTREAM_BASE_URL,
      fetch: this.#step,
    });
    return provider.chat(likeliest?.model ?? '');
  }

  /** The model that answered first; null: none did. */
  get firstAnswer(): Answer | null {
    return this.#answers[0] ?? null;
  }

  /** Nano-dollars, of the steps that ended: from then on they are reserved at what they cost, not at their bound. */
  async spent(): Promise<number> {
    const { streamed } = this.#upstream;
    let spent = 0;
    for (const { record } of this.#answers) {
      const transcript = await record.transcript;
      const cost = transcript ? meterTranscript(transcript, streamed).fields.cost_nano_usd : null;
      if (cost !== null) record.boundNanoUsd = Math.min(cost, record.boundNanoUsd);
      spent += cost ?? 0;
    }
    return spent;
  }

  /** What the upstream said in each step. To be asked between steps or at the end. */
  async transcripts(): Promise<string[]> {
    const transcripts = await Promise.all(this.#answers.map(({ record }) => record.transcript));
    return transcripts.map((transcript) => transcript?.text ?? '');
  }

  /** How the steps ended: the worst of it. */
  async end(): Promise<RelayEnd> {
    const ends = await Promise.all(this.#ends);
    return ends.find((end) => end === 'client_left') ?? ends.find((end) => end === 'upstream_died') ?? 'complete';
  }

  readonly #step = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    const { messages, tools = [] } = JSON.parse(String(init?.body)) as {
      messages: Record<string, unknown>[];
      tools?: Step['tools'];
    };
    const added = await this.#withReasoning(messages.slice(1));
    const step: Step = { number: this.#answers.length, added, tools };
    const upstream = this.#upstream;
    const signal = init?.signal ? AbortSignal.any([upstream.signal, init.signal]) : upstream.signal;
    const growth = added.length === 0 ? 0 : new TextEncoder().encode(JSON.stringify(added)).byteLength;
    try {
      const answer = await failover({
        ...upstream,
        signal,
        needsTranscript: true,
        candidates: await this.#candidates(),
        hedge: upstream.hedge && step.number === 0,
        bodyFor: (candidate) => this.#bodyOf(step, candidate),
        boundOf: (candidate) => upstream.boundOf(candidate, growth),
      });
      this.#answers.push(answer);
      const { readable, writable } = new IdentityTransformStream();
      this.#ends.push(this.#relay(answer, writable));
      const headers = { 'content-type': answer.contentType };
      if (!upstream.streamed) return new Response(reducedCompletion(await new Response(readable).text()), { headers });
      return new Response(readable.pipeThrough(reducedEvents()), { headers });
    } catch (error) {
      this.failure ??= error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error });
      throw this.failure;
    }
  };

  async #relay(answer: Answer, writable: WritableStream<Uint8Array>): Promise<RelayEnd> {
    const { streamed, circuits, representative, signal } = this.#upstream;
    const end = await relay(answer, writable, streamed);
    const { failure, model } = answer.record;
    if (failure?.kind === 'died' && representative && !signal.aborted) circuits.report(model, failure);
    return end;
  }

  /** Who answered first goes on: a conversation should not change its voice. */
  async #candidates(): Promise<UpstreamRequest['candidates']> {
    const { candidates } = this.#upstream;
    const answered = this.#answers[0]?.record.model;
    if (answered === undefined) return candidates;
    const all = [...candidates.first, ...((await candidates.more?.()) ?? [])];
    const first = all.sort((a, b) => Number(b.model === answered) - Number(a.model === answered));
    return { ...candidates, first, more: null };
  }

  /** The added messages with the reasoning behind them, which some models want back (OpenRouter's `reasoning_details`). */
  async #withReasoning(added: readonly Record<string, unknown>[]): Promise<Record<string, unknown>[]> {
    if (added.length === 0) return [];
    const details = (await this.transcripts()).map((text) => reasoningDetailsOf(text, this.#upstream.streamed));
    let step = 0;
    return added.map((message) => {
      if (message.role !== 'assistant') return message;
      const reasoning = details[step++] ?? [];
      return reasoning.length > 0 ? { ...message, reasoning_details: reasoning } : message;
    });
  }
}

/** A stream's events as the SDK is given them. */
function reducedEvents(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = '';
  const reduce = (events: readonly string[]): string =>
    events
      .map((event) => reducedChunk(dataOf(event)))
      .flatMap((data) => (data === null ? [] : eventOf(data)))
      .join('');
  return new TransformStream({
    transform(bytes, controller) {
      const whole = wholeEvents(rest + decoder.decode(bytes, { stream: true }));
      rest = whole.rest;
      const out = reduce(whole.events);
      if (out) controller.enqueue(encoder.encode(out));
    },
    flush(controller) {
      const out = reduce([rest]);
      if (out) controller.enqueue(encoder.encode(out));
    },
  });
}
