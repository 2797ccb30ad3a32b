import {
  generateText,
  isStepCount,
  jsonSchema,
  type StopCondition,
  experimental_streamTextLowMemory as streamTextOnce,
  type ToolSet,
  tool,
} from 'ai';
import { usdToNano } from '../../shared/money.ts';
import type { Env } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import type { Candidate } from '../upstream/candidates.ts';
import type { UpstreamRequest } from '../upstream/failover.ts';
import { type AttemptFailure, refusal } from '../upstream/failure.ts';
import { jsonOf } from '../upstream/sse.ts';
import type { Chunk, Completion } from './chunks.ts';
import type { ClientStream } from './client-stream.ts';
import { originalOf } from './for-the-sdk.ts';
import type { GatewayTool } from './gateway-tool.ts';
import { gatewayToolsOf } from './gateway-tools.ts';
import { type Answering, answerStreamed, answerWhole, bounded, failureOf } from './lane.ts';
import { gatewayNameOf } from './tool-name.ts';
import { TurnChunks } from './turn-chunks.ts';
import { turnCompletion } from './turn-completion.ts';
import { type BodyOfStep, UpstreamSteps } from './upstream-steps.ts';

/** The conversation as the SDK is given it: the client's messages take its place on the way up. */
const PLACEHOLDER = { role: 'user' as const, content: 'The conversation so far.' };

/** A chat request as far as its tools go. */
export interface TurnRequest {
  messages: readonly unknown[];
  stream?: boolean | null | undefined;
  stream_options?: { include_usage?: boolean | null | undefined } | null | undefined;
  tools?: readonly { type: string; function?: unknown }[] | null | undefined;
  tool_choice?: 'none' | 'auto' | 'required' | Record<string, unknown> | null | undefined;
  n?: number | null | undefined;
  functions?: unknown;
}

/** The client's body for a candidate, with fields set. */
export type BodyWith = (candidate: Candidate, fields: Record<string, unknown>) => string;

/** What one turn may take. */
interface Bounds {
  steps: number;
  ms: number;
  nanoUsd: number;
}

/**
 * A chat completion in which the gateway runs tools of its own: the model is called, its calls of the
 * gateway's tools are answered, and so on until it has said its say, calls a tool of the client, or a
 * bound is reached.
 *
 * @throws ApiError 400 for what cannot be combined with the gateway's tools.
 */
export function toolTurn(env: Env, request: TurnRequest, bodyWith: BodyWith): Answering {
  const tools = gatewayToolsOf(request.tools ?? []);
  refuseOthers(request);
  const bounds: Bounds = {
    steps: Number(env.AGENT_MAX_STEPS),
    ms: Number(env.AGENT_TIMEOUT_MS),
    nanoUsd: usdToNano(env.AGENT_MAX_COST_USD) ?? 0,
  };
  const bodyOf = bodyOfStep(request, bodyWith, bounds);
  return (upstream, requestedModel) => {
    const turn = new Turn(upstream, request, tools, bodyOf, bounds);
    return request.stream === true
      ? answerStreamed(upstream, requestedModel, turn.stop, (client) => turn.stream(client))
      : answerWhole(upstream, () => turn.whole());
  };
}

/** One request on its way through its steps. */
class Turn {
  readonly #request: TurnRequest;
  readonly #tools: readonly GatewayTool[];
  readonly #names: ReadonlySet<string>;
  readonly #steps: UpstreamSteps;
  readonly #bounds: Bounds;
  readonly #bounded: ReturnType<typeof bounded>;
  readonly #env: Env;
  readonly stop: (why: AttemptFailure) => void;

  constructor(
    upstream: UpstreamRequest,
    request: TurnRequest,
    tools: readonly GatewayTool[],
    bodyOf: BodyOfStep,
    bounds: Bounds,
  ) {
    this.#request = request;
    this.#tools = tools;
    this.#names = new Set(tools.map(({ name }) => name));
    this.#bounds = bounds;
    this.#bounded = bounded(upstream.signal, bounds.ms);
    this.#steps = new UpstreamSteps({ ...upstream, signal: this.#bounded.signal }, bodyOf);
    this.#env = upstream.env;
    this.stop = this.#bounded.stop;
  }

  async whole() {
    try {
      await generateText(this.#call()).catch((error: unknown) => {
        throw this.#failureOf(error);
      });
      const completions = (await this.#steps.transcripts()).flatMap((json) => jsonOf<Completion>(json) ?? []);
      const { model, firstEventAt } = this.#answered();
      return { body: turnCompletion(completions, this.#names), model, firstEventAt, repeatable: false };
    } finally {
      this.#bounded.done();
    }
  }

  async stream(client: ClientStream) {
    const chunks = new TurnChunks(this.#names);
    try {
      const { stream } = streamTextOnce({ ...this.#call(), include: { rawChunks: true }, onError: () => undefined });
      for await (const part of stream) {
        if (part.type === 'start-step') chunks.step();
        else if (part.type === 'raw') await this.#relay(originalOf(part.rawValue), chunks, client);
        else if (part.type === 'error') throw this.#failureOf(part.error);
        else if (part.type === 'abort') throw this.#failureOf(null);
      }
      if ((await this.#steps.end()) !== 'complete') throw this.#failureOf(null);
      for (const chunk of chunks.end(this.#request.stream_options?.include_usage === true)) await client.event(chunk);
      return { ...this.#answered(), repeatable: false };
    } catch (error) {
      // The SDK goes on reading what nobody wants any more.
      this.stop(this.#failureOf(error));
      throw error;
    } finally {
      this.#bounded.done();
    }
  }

  /** The SDK reads an error beside choices as a chunk like any other: the raw one tells. */
  async #relay(raw: Chunk, chunks: TurnChunks, client: ClientStream): Promise<void> {
    if (raw.error) throw refusal(raw, 200, null);
    const chunk = chunks.take(raw);
    if (chunk) await client.event(chunk);
  }

  #call() {
    const own = Object.fromEntries(this.#tools.map((one) => [one.name, one.bind({ env: this.#env })]));
    return {
      model: this.#steps.model,
      messages: [PLACEHOLDER],
      tools: { ...clientTools(this.#request), ...own } as ToolSet,
      stopWhen: [isStepCount(this.#bounds.steps), this.#callsClient, this.#isSpent],
      // Trying again is failover's.
      maxRetries: 0,
      abortSignal: this.#bounded.signal,
    };
  }

  readonly #callsClient: StopCondition<ToolSet> = ({ steps }) =>
    steps.at(-1)?.toolCalls.some(({ toolName }) => !this.#names.has(toolName)) ?? false;

  readonly #isSpent: StopCondition<ToolSet> = async () => (await this.#steps.spent()) >= this.#bounds.nanoUsd;

  #answered() {
    const answer = this.#steps.firstAnswer;
    return { model: answer?.record.model ?? '', firstEventAt: answer?.firstEventAt ?? Date.now() };
  }

  #failureOf(error: unknown): AttemptFailure {
    return failureOf(this.#bounded.signal, this.#steps, error);
  }
}

/** The client's tools: it runs them itself, so that the SDK need only know that there are such. */
function clientTools({ tools }: TurnRequest): ToolSet {
  const own = (tools ?? []).filter(({ type }) => type === 'function');
  const names = own.map(({ function: called }) => (called as { name: string }).name);
  return Object.fromEntries(names.map((name) => [name, tool({ inputSchema: jsonSchema({ type: 'object' }) })]));
}

/** The client's request with what the steps before added, and the gateway's tools as what they are to the model. */
function bodyOfStep(request: TurnRequest, bodyWith: BodyWith, { steps }: Bounds): BodyOfStep {
  return ({ number, added, tools }, candidate) => {
    const known = (type: string) => tools.find((one) => one.function.name === gatewayNameOf(type));
    return bodyWith(candidate, {
      messages: [...request.messages, ...added],
      tools: unlike(request.tools ?? []).map((one) => known(one.type) ?? one),
      tool_choice: toolChoice(request.tool_choice, number, steps),
    });
  };
}

/** Tools without those of the gateway that are named again. */
function unlike<T extends { type: string }>(tools: readonly T[]): T[] {
  return tools.filter(
    ({ type }, n) => gatewayNameOf(type) === null || tools.findIndex((one) => one.type === type) === n,
  );
}

/** The client's choice is about its first answer; and in the last step the model must come to an end. */
function toolChoice(asked: TurnRequest['tool_choice'], step: number, steps: number): unknown {
  if (step > 0 && step >= steps - 1) return 'none';
  if (step > 0 && asked !== 'none') return 'auto';
  const name = typeof asked === 'object' && asked !== null ? gatewayNameOf(String(asked.type)) : null;
  return name === null ? (asked ?? undefined) : { type: 'function', function: { name } };
}

function refuseOthers({ n, tools, functions }: TurnRequest): void {
  const refuse = (param: string, why: string): never => {
    throw new ApiError(400, {
      message: `Unsupported parameter: '${param}' ${why} cannot be combined with tools of the gateway.`,
      param,
      code: 'unsupported_parameter',
    });
  };
  if ((n ?? 1) > 1) refuse('n', 'above 1');
  if (functions != null) refuse('functions', '(deprecated)');
  const custom = tools?.findIndex(({ type }) => type === 'custom') ?? -1;
  if (custom >= 0) refuse(`tools[${custom}].type`, "'custom'");
}
