import type { Chunk, ChunkChoice, ToolCallDelta, Usage } from './chunks.ts';
import { sumUsage } from './sum-usage.ts';

/**
 * The chunks of several steps as those of one answer: the first one's id and model throughout, the
 * gateway's own tool calls left out and the client's counted anew, one finish and one usage at the end.
 */
export class TurnChunks {
  readonly #gatewayTools: ReadonlySet<string>;
  #head: Pick<Chunk, 'id' | 'created' | 'model'> | null = null;
  /** Of the current step: the client's number for each of the upstream's tool calls; null: the gateway's own. */
  #calls = new Map<number, { id: string | undefined; number: number | null }>();
  #clientCalls = 0;
  #begun = false;
  #finish: { chunk: Chunk; choice: ChunkChoice } | null = null;
  readonly #usages: Usage[] = [];
  /** Of the current step: some providers tell running totals. */
  #usage: Usage | null = null;

  constructor(gatewayTools: ReadonlySet<string>) {
    this.#gatewayTools = gatewayTools;
  }

  /** Whether a tool of the client was called, which ends the turn. */
  get callsClient(): boolean {
    return this.#clientCalls > 0;
  }

  /** A new step begins. */
  step(): void {
    this.#calls = new Map();
    this.#finish = null;
    if (this.#usage) this.#usages.push(this.#usage);
    this.#usage = null;
  }

  /** What the client gets of a chunk now; null: nothing. */
  take(chunk: Chunk): Chunk | null {
    const { id, created, model } = chunk;
    this.#head ??= { ...(id && { id }), ...(created && { created }), ...(model && { model }) };
    this.#usage = chunk.usage ?? this.#usage;
    const [choice] = chunk.choices ?? [];
    if (!choice) return null;
    const calls = choice.delta?.tool_calls?.flatMap((call) => this.#ofClient(call) ?? []) ?? [];
    const { tool_calls: given, role, ...rest } = choice.delta ?? {};
    // Once, as OpenAI does: clients join what is repeated.
    const delta = { ...(role !== undefined && !this.#begun && { role }), ...rest };
    const own = { ...choice, delta: { ...delta, ...(calls.length > 0 && { tool_calls: calls }) } };
    if (choice.finish_reason != null) {
      this.#finish = { chunk, choice };
      own.finish_reason = null;
      if ('native_finish_reason' in own) own.native_finish_reason = null;
    }
    const nothing = calls.length === 0 && (given !== undefined || choice.finish_reason != null) && !says(delta);
    if (nothing) return null;
    this.#begun = true;
    return this.#ofTurn(chunk, own);
  }

  /** The end of the turn: its finish, and what all of its steps used, in a chunk of its own where the client asks for that. */
  end(usageApart: boolean): Chunk[] {
    const { chunk = {}, choice = {} } = this.#finish ?? {};
    const stopped = choice.finish_reason === 'tool_calls' && !this.callsClient;
    const last = {
      ...choice,
      index: 0,
      delta: this.#begun ? {} : { role: 'assistant' },
      // Only a bound stops a turn after the gateway's own tools.
      finish_reason: stopped ? 'length' : this.#finishOf(choice.finish_reason ?? null),
    };
    const usages = [...this.#usages, ...(this.#usage ? [this.#usage] : [])];
    const usage = usages.length > 0 ? { usage: sumUsage(usages) } : {};
    if (!usageApart) return [{ ...this.#ofTurn(chunk, last), ...usage }];
    return [this.#ofTurn(chunk, last), { ...this.#ofTurn(chunk), choices: [], ...usage }];
  }

  /** Some providers end calls of tools with `stop`; what was cut short stays so. */
  #finishOf(told: string | null): string | null {
    return this.callsClient && (told === null || told === 'stop') ? 'tool_calls' : told;
  }

  #ofTurn(chunk: Chunk, choice?: ChunkChoice): Chunk {
    const { usage: _, ...rest } = chunk;
    return { ...rest, ...this.#head, choices: choice ? [choice] : [] };
  }

  /** A piece of a call as the client counts its calls; null: it is the gateway's own. */
  #ofClient(call: ToolCallDelta): ToolCallDelta | null {
    const index = call.index ?? 0;
    let known = this.#calls.get(index);
    // Some providers give every call the number 0, and an id of its own.
    if (!known || (call.id && known.id && call.id !== known.id)) {
      const own = this.#gatewayTools.has(call.function?.name ?? '');
      known = { id: call.id, number: own ? null : this.#clientCalls++ };
      this.#calls.set(index, known);
    }
    const { number } = known;
    return number === null ? null : { ...call, index: number };
  }
}

/** Whether a delta holds anything but its role and empty text. */
function says({ role: _, content, ...rest }: Record<string, unknown>): boolean {
  return Boolean(content) || Object.values(rest).some((value) => value != null && value !== '');
}
