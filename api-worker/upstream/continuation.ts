/** What is known of a stream that broke off, from the events that the client got. */
export interface Said {
  /** The text of its one choice. */
  text: string;
  /** Events that carried text: about as many tokens. */
  pieces: number;
  /** Why its model stopped; null: it did not. */
  finish: string | null;
  /** It began to call tools, to refuse or to speak, which cannot be taken up halfway. */
  beyondText: boolean;
}

export const NOTHING_SAID: Said = { text: '', pieces: 0, finish: null, beyondText: false };

/** The fields of a chat request that decide whether and how its answer can be continued. */
interface Continuable {
  messages: readonly unknown[];
  n?: number | null | undefined;
  response_format?: { type: string } | null | undefined;
  logprobs?: boolean | null | undefined;
  reasoning?: unknown;
  reasoning_effort?: unknown;
  modalities?: unknown;
  max_tokens?: number | null | undefined;
  max_completion_tokens?: number | null | undefined;
}

/** Only where it can be right: one choice of plain text, without a format that a seam could break. */
export function canContinue(request: Continuable, said: Said): boolean {
  const { n, response_format, logprobs, modalities } = request;
  const plain = (response_format?.type ?? 'text') === 'text' && !logprobs && modalities == null;
  return plain && (n ?? 1) === 1 && !said.beyondText;
}

/** Claude up to 4.5: since 4.6 a conversation must end with the user's message. */
const TAKES_PREFILL = /^anthropic\/claude-(?:3|(?:opus|sonnet|haiku)-4(?:$|[.:-][015]?(?:$|:)))/;

/** A prefill is refused while the model reasons. */
function takesPrefill(model: string, { reasoning, reasoning_effort }: Continuable): boolean {
  return TAKES_PREFILL.test(model) && !model.endsWith(':thinking') && reasoning == null && reasoning_effort == null;
}

const ANCHOR_CHARS = 48;
const ANCHOR_MIN_CHARS = 16;

/** How another model is asked to go on, and how its text is joined. */
export interface Continuation {
  /** Replaces the request's messages. */
  messages: readonly unknown[];
  /** Fields of the request that bound the length, less what was said. */
  lengths: { max_tokens?: number; max_completion_tokens?: number };
  seam: Seam;
}

/**
 * Asks a model to go on where another stopped. One that takes a prefill continues the unfinished message
 * itself. Others are told to repeat its last words and then go on: what repeats them exactly can be
 * joined without a lost or doubled character, and what does not is not used.
 */
export function continuationOf(request: Continuable, { text, pieces }: Said, model: string): Continuation {
  const trimmed = text.trimEnd();
  const space = text.slice(trimmed.length);
  if (trimmed === '')
    return { messages: request.messages, lengths: lengthsLeft(request, pieces), seam: new Seam('', text) };
  if (takesPrefill(model, request)) {
    const messages = [...request.messages, { role: 'assistant', content: trimmed }];
    return { messages, lengths: lengthsLeft(request, pieces), seam: new Seam('', space) };
  }
  const anchor = lastWords(trimmed);
  const messages = [
    ...request.messages,
    { role: 'assistant', content: text },
    { role: 'user', content: instruction(anchor) },
  ];
  const repeated = Math.ceil((anchor.length * pieces) / text.length);
  return { messages, lengths: lengthsLeft(request, pieces - repeated), seam: new Seam(anchor, space) };
}

function instruction(anchor: string): string {
  return `Your message above was cut off by a technical fault. Continue it. Begin your reply by repeating its last words, which stand between the tags below, exactly as they are and without the tags, and go straight on from there as if there had been no interruption. Add nothing else: no greeting, no remark, no summary.
<last_words>${anchor}</last_words>`;
}

/** The end of a text, from the beginning of a word where there is one. */
function lastWords(text: string): string {
  const end = text.slice(-ANCHOR_CHARS);
  // A surrogate pair must not be cut in two.
  const whole = /^[\uDC00-\uDFFF]/.test(end) ? end.slice(1) : end;
  if (whole.length === text.length) return whole.trimStart();
  const words = whole.replace(/^\S*\s+(?=\S)/, '');
  // A letter or two would be repeated by chance.
  return words.length < ANCHOR_MIN_CHARS ? whole.trimStart() : words;
}

/** @param used tokens that are taken from what the client allowed. */
function lengthsLeft(request: Continuable, used: number): Continuation['lengths'] {
  const { max_tokens, max_completion_tokens } = request;
  const left = (limit: number) => Math.max(1, limit - used);
  return {
    ...(max_tokens != null && { max_tokens: left(max_tokens) }),
    ...(max_completion_tokens != null && { max_completion_tokens: left(max_completion_tokens) }),
  };
}

/** Thrown by a {@link Seam} when a text does not join. */
export class SeamMismatch extends Error {}

/** Joins a continuation to what was said: takes off what it repeats, and the white space that stood there already. */
export class Seam {
  readonly #repeats: string;
  readonly #space: string;
  #pending = '';
  #joined = false;

  /**
   * @param repeats what the continuation must begin with, white space before it apart; '' for nothing.
   * @param space what came after that and may or may not be repeated.
   */
  constructor(repeats: string, space: string) {
    this.#repeats = repeats;
    this.#space = space;
    this.#joined = repeats === '' && space === '';
  }

  /**
   * What of the next piece of text is new.
   *
   * @throws SeamMismatch
   */
  feed(text: string): string {
    if (this.#joined) return text;
    this.#pending += text;
    const begun = this.#repeats === '' ? this.#pending : this.#pending.trimStart();
    if (begun.length < this.#repeats.length) {
      if (!this.#repeats.startsWith(begun)) throw new SeamMismatch('does not repeat the last words');
      return '';
    }
    if (!begun.startsWith(this.#repeats)) throw new SeamMismatch('does not repeat the last words');
    const after = begun.slice(this.#repeats.length);
    if (after.length < this.#space.length && this.#space.startsWith(after)) return '';
    this.#joined = true;
    return after.startsWith(this.#space) ? after.slice(this.#space.length) : after;
  }

  /**
   * Says that the text has ended. What of it was still held back had been said already.
   *
   * @throws SeamMismatch when it ended before it joined.
   */
  end(): void {
    if (this.#joined) return;
    const begun = this.#repeats === '' ? this.#pending : this.#pending.trimStart();
    if (!begun.startsWith(this.#repeats)) throw new SeamMismatch('ended before it repeated the last words');
    this.#joined = true;
  }
}
