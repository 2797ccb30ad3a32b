import { generateText, experimental_streamTextLowMemory as streamTextOnce } from 'ai';
import type { UpstreamRequest } from '../upstream/failover.ts';
import { AttemptFailure, refusal } from '../upstream/failure.ts';
import { jsonOf } from '../upstream/sse.ts';
import type { Chunk, Completion, Usage } from './chunks.ts';
import type { ClientStream } from './client-stream.ts';
import { originalOf } from './for-the-sdk.ts';
import { type Answering, answerStreamed, answerWhole, bounded, failureOf, unreadable } from './lane.ts';
import { sumUsage } from './sum-usage.ts';
import type { BodyWith } from './tool-turn.ts';
import { UpstreamSteps } from './upstream-steps.ts';

/** A legacy completion as far as it is not passed on. */
export interface TextRequest {
  stream?: boolean | null | undefined;
  stream_options?: { include_usage?: boolean | null | undefined } | null | undefined;
  n?: number | null | undefined;
  echo?: boolean | null | undefined;
}

/** One choice of the answer. */
interface Choice {
  index: number;
  prompt: string;
}

/** What is a legacy completion's alone, or ours to do: the upstream's chat does not get it. */
const NOT_CHAT = { prompt: undefined, n: undefined, best_of: undefined, echo: undefined, suffix: undefined };

/** A legacy completion (OpenAI's `text_completion`): every choice a chat completion of its own, all at once. */
export function textCompletions(request: TextRequest, prompts: readonly string[], bodyWith: BodyWith): Answering {
  const n = request.n ?? 1;
  const choices = prompts.flatMap((prompt, p) => Array.from({ length: n }, (_, k) => ({ index: p * n + k, prompt })));
  return (upstream, requestedModel) => {
    const completions = new TextCompletions(upstream, request, choices, bodyWith);
    return request.stream === true
      ? answerStreamed(upstream, requestedModel, completions.stop, (client) => completions.stream(client))
      : answerWhole(upstream, () => completions.whole());
  };
}

class TextCompletions {
  readonly #upstream: UpstreamRequest;
  readonly #request: TextRequest;
  readonly #bodyWith: BodyWith;
  readonly #choices: readonly Choice[];
  readonly #bounded: ReturnType<typeof bounded>;
  readonly stop: (why: AttemptFailure) => void;
  /** Of the first chunk or completion: what all of the answer has. */
  #head: { id: string; created: number; model: string } | null = null;
  readonly #usages: Usage[] = [];
  readonly #finishes: (string | null)[] = [];

  constructor(upstream: UpstreamRequest, request: TextRequest, choices: readonly Choice[], bodyWith: BodyWith) {
    this.#bounded = bounded(upstream.signal, upstream.policy.totalTimeoutMs + upstream.policy.silenceTimeoutMs);
    this.#upstream = { ...upstream, signal: this.#bounded.signal };
    this.#request = request;
    this.#bodyWith = bodyWith;
    this.#choices = choices;
    this.stop = this.#bounded.stop;
  }

  async whole() {
    const answers = await this.#all(async ({ prompt, index }) => {
      const steps = this.#steps(prompt);
      await generateText(this.#call(steps, prompt)).catch((error: unknown) => {
        throw failureOf(this.#bounded.signal, steps, error);
      });
      const completion = jsonOf<Completion>((await steps.transcripts())[0] ?? '') ?? {};
      this.#note(completion);
      if (completion.usage) this.#usages.push(completion.usage);
      const [choice] = completion.choices ?? [];
      return this.#choice(
        index,
        this.#echoed(prompt) + (choice?.message?.content ?? ''),
        choice?.finish_reason ?? null,
        steps,
      );
    });
    const body = {
      ...this.#headOf(),
      choices: answers.map(({ choice }) => choice),
      ...(this.#usages.length > 0 && { usage: sumUsage(this.#usages) }),
    };
    return { body, ...this.#written(answers.map(({ steps }) => steps)) };
  }

  async stream(client: ClientStream) {
    const all = await this.#all(async ({ prompt, index }) => {
      const steps = this.#steps(prompt);
      const { stream } = streamTextOnce({
        ...this.#call(steps, prompt),
        include: { rawChunks: true },
        onError: () => undefined,
      });
      let finish: string | null = null;
      let usage: Usage | null = null;
      let echo = this.#echoed(prompt);
      for await (const part of stream) {
        if (part.type === 'error') throw failureOf(this.#bounded.signal, steps, part.error);
        if (part.type === 'abort') throw failureOf(this.#bounded.signal, steps, null);
        if (part.type !== 'raw') continue;
        const chunk = originalOf(part.rawValue);
        // The SDK reads an error beside choices as a chunk like any other.
        if (chunk.error) throw refusal(chunk, 200, null);
        this.#note(chunk);
        usage = chunk.usage ?? usage;
        const [choice] = chunk.choices ?? [];
        finish = choice?.finish_reason ?? finish;
        const said = echo + (choice?.delta?.content ?? '');
        echo = '';
        if (said) await client.event({ ...this.#headOf(), choices: [this.#choice(index, said, null, steps).choice] });
      }
      if (usage) this.#usages.push(usage);
      if ((await steps.end()) !== 'complete') throw failureOf(this.#bounded.signal, steps, null);
      await client.event({ ...this.#headOf(), choices: [this.#choice(index, '', finish ?? 'stop', steps).choice] });
      return steps;
    });
    if (this.#request.stream_options?.include_usage === true) {
      await client.event({ ...this.#headOf(), choices: [], usage: sumUsage(this.#usages) });
    }
    return this.#written(all);
  }

  /** All choices at once; the first that fails ends the others. */
  async #all<T>(work: (choice: Choice) => Promise<T>): Promise<T[]> {
    const working = this.#choices.map(async (choice) => {
      try {
        return await work(choice);
      } catch (error) {
        const failure = error instanceof AttemptFailure ? error : unreadable(error);
        this.#bounded.stop(failure);
        throw failure;
      }
    });
    try {
      return await Promise.all(working);
    } finally {
      // Whoever is still at it has been told to stop: what it used is known only then.
      await Promise.allSettled(working);
      this.#bounded.done();
    }
  }

  #steps(prompt: string): UpstreamSteps {
    const messages = [{ role: 'user', content: prompt }];
    return new UpstreamSteps(this.#upstream, (_step, candidate) =>
      this.#bodyWith(candidate, { ...NOT_CHAT, messages }),
    );
  }

  #call(steps: UpstreamSteps, prompt: string) {
    return {
      model: steps.model,
      messages: [{ role: 'user' as const, content: prompt }],
      // Trying again is failover's.
      maxRetries: 0,
      abortSignal: this.#bounded.signal,
    };
  }

  #echoed(prompt: string): string {
    return this.#request.echo === true ? prompt : '';
  }

  #note({ id, created, model }: Chunk): void {
    this.#head ??= { id: id ?? '', created: created ?? Math.floor(Date.now() / 1000), model: model ?? '' };
  }

  #headOf() {
    const { id = '', created = 0, model = '' } = this.#head ?? {};
    return { id, object: 'text_completion', created, model };
  }

  #choice(index: number, text: string, finish: string | null, steps: UpstreamSteps) {
    if (finish !== null) this.#finishes.push(finish);
    return { choice: { text, index, logprobs: null, finish_reason: finish }, steps };
  }

  #written(all: readonly UpstreamSteps[]) {
    const times = all.flatMap(({ firstAnswer }) => firstAnswer?.firstEventAt ?? []);
    return {
      model: all[0]?.firstAnswer?.record.model ?? '',
      repeatable: this.#finishes.length === this.#choices.length && this.#finishes.every((finish) => finish === 'stop'),
      firstEventAt: times.length > 0 ? Math.min(...times) : Date.now(),
    };
  }
}
