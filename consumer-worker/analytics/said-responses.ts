import { isObject } from './is-object.ts';
import { type Choice, callPart, choiceOf, textOf, textPart, thinkingPart } from './said.ts';

/** As many items of an answer as are put together. */
const ITEMS_MAX = 256;

/** An item of which the end has not come. */
interface Open {
  item: Record<string, unknown>;
  thinking: string;
  text: string;
  args: string;
}

/**
 * Puts together what Responses say. Where the last event of a stream came, or the answer is a whole one, all is
 * in there; of a stream that broke off there are items that ended, and deltas of those that did not.
 */
export class SaidResponse {
  #whole: unknown[] | null = null;
  readonly #items = new Map<unknown, Record<string, unknown> | Open>();

  /** @param event an event of a stream, or a whole answer. */
  add(event: Record<string, unknown>): void {
    const { output } = isObject(event.response) ? event.response : event;
    if (Array.isArray(output) && output.length > 0) this.#whole = output;
    const { type, output_index: index, item, delta } = event;
    const open = this.#items.get(index);
    if (isObject(item) && (open !== undefined || this.#items.size < ITEMS_MAX)) {
      const ended = type === 'response.output_item.done';
      this.#items.set(index, ended ? item : { item, thinking: '', text: '', args: '' });
    } else if (isOpen(open)) {
      if (type === 'response.output_text.delta' || type === 'response.refusal.delta') open.text += textOf(delta);
      else if (type === 'response.function_call_arguments.delta') open.args += textOf(delta);
      else if (type === 'response.reasoning_summary_text.delta' || type === 'response.reasoning_text.delta')
        open.thinking += textOf(delta);
    }
  }

  /** One message of all that was said, thought and called; none where that is nothing. */
  choices(): Choice[] {
    const parts = this.#whole ? this.#whole.flatMap(endedParts) : [...this.#items.values()].flatMap(partsOf);
    return parts.length > 0 ? [choiceOf('assistant', parts)] : [];
  }
}

function isOpen(entry: Record<string, unknown> | Open | undefined): entry is Open {
  return entry !== undefined && isObject(entry.item) && typeof entry.args === 'string';
}

function partsOf(entry: Record<string, unknown> | Open): unknown[] {
  if (!isOpen(entry)) return endedParts(entry);
  const { item, thinking, text, args } = entry;
  const call = item.type === 'function_call' ? [callPart(textOf(item.call_id), textOf(item.name), args)] : [];
  return [...thinkingPart(thinking), ...textPart(text), ...call];
}

/** What PostHog shows of an item; one that it has no form for, such as a search, stays as it is. */
function endedParts(item: unknown): unknown[] {
  if (!isObject(item)) return [];
  switch (item.type) {
    case 'message':
      return textPart(joined(item.content));
    case 'reasoning':
      return thinkingPart(joined(item.summary) || joined(item.content));
    case 'function_call':
      return [callPart(textOf(item.call_id), textOf(item.name), textOf(item.arguments))];
    default:
      return [item];
  }
}

function joined(parts: unknown): string {
  if (!Array.isArray(parts)) return '';
  return parts.map((part) => (isObject(part) ? textOf(part.text) + textOf(part.refusal) : '')).join('');
}
