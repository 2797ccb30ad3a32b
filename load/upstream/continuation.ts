import type { Message, SimRequest } from './request.ts';

/** The words between which a request quotes what an answer is to begin with: the end of what was said already. */
const ANCHOR = /<last_words>(.*)<\/last_words>/s;

interface Continued {
  /** What was said already. */
  said: string;
  /** The last words of it that are to be repeated; empty for none. */
  anchor: string;
  /** The messages that the whole answer is to. */
  before: Message[];
}

/**
 * The answer whose beginning the messages hold: as their end, which is continued from the very character, or
 * before an instruction to repeat the last words and go on. Null where there is none.
 */
function continued(messages: readonly Message[]): Continued | null {
  const last = messages.at(-1);
  const instruction = last?.role === 'user' && typeof last.content === 'string' ? ANCHOR.exec(last.content) : null;
  const at = messages.length - (instruction ? 2 : 1);
  const said = messages[at];
  if (said?.role !== 'assistant' || typeof said.content !== 'string') return null;
  return { said: said.content, anchor: instruction?.[1] ?? '', before: messages.slice(0, at) };
}

/** The messages that are answered, without the beginning of an answer that is continued. */
export function answered(messages: readonly Message[]): readonly Message[] {
  return continued(messages)?.before ?? messages;
}

/** What is left of an answer whose beginning the messages hold; all of it where they hold none. */
export function leftToSay({ messages = [], sim }: SimRequest, pieces: string[]): string[] {
  const from = continued(messages);
  const text = pieces.join('');
  if (!from || !text.startsWith(from.said)) return pieces;
  const anchor = sim?.continues === 'without-anchor' ? '' : from.anchor;
  return [...(anchor ? [anchor] : []), ...(text.slice(from.said.length).match(/ ?[^ ]+| /g) ?? [])];
}
