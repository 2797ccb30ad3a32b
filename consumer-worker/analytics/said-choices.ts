import { isObject } from './is-object.ts';
import { type Choice, callPart, choiceOf, textOf, textPart, thinkingPart } from './said.ts';

/** As many choices, and calls within one, as are put together; OpenAI's own limit of choices. */
const PARTS_MAX = 128;

interface Call {
  id: string;
  name: string;
  args: string;
}

interface Open {
  role: string;
  thinking: string;
  text: string;
  calls: Map<number, Call>;
}

/**
 * Puts together what chat completions and legacy completions say: the chunks of a stream, or a whole answer,
 * which is like a single chunk with `message` or `text` in the place of `delta`.
 */
export class SaidChoices {
  readonly #choices = new Map<number, Open>();

  add({ choices }: Record<string, unknown>): void {
    if (!Array.isArray(choices)) return;
    for (const [place, choice] of choices.entries()) {
      if (!isObject(choice)) continue;
      const open = at(this.#choices, choice.index, place, () => ({
        role: 'assistant',
        thinking: '',
        text: '',
        calls: new Map<number, Call>(),
      }));
      if (!open) continue;
      open.text += textOf(choice.text);
      for (const said of [choice.delta, choice.message]) if (isObject(said)) addTo(open, said);
    }
  }

  choices(): Choice[] {
    return inOrder(this.#choices).map(({ role, thinking, text, calls }) =>
      choiceOf(role, [
        ...thinkingPart(thinking),
        ...textPart(text),
        ...inOrder(calls).map(({ id, name, args }) => callPart(id, name, args)),
      ]),
    );
  }
}

function addTo(
  open: Open,
  { role, content, refusal, reasoning, reasoning_content, tool_calls }: Record<string, unknown>,
) {
  open.role = textOf(role) || open.role;
  // Some providers give both, which say the same.
  open.thinking += textOf(reasoning) || textOf(reasoning_content);
  open.text += textOf(content) + textOf(refusal);
  if (!Array.isArray(tool_calls)) return;
  for (const [place, delta] of tool_calls.entries()) {
    if (!isObject(delta)) continue;
    const call = at(open.calls, delta.index, place, () => ({ id: '', name: '', args: '' }));
    if (!call) continue;
    const {
      name,
      arguments: args,
      input,
    } = isObject(delta.function) ? delta.function : isObject(delta.custom) ? delta.custom : {};
    call.id ||= textOf(delta.id);
    call.name ||= textOf(name);
    call.args += textOf(args) + textOf(input);
  }
}

/** The entry of an index, made where there is none yet; null: there are too many. */
function at<T>(entries: Map<number, T>, index: unknown, place: number, make: () => T): T | null {
  const key = typeof index === 'number' ? index : place;
  const found = entries.get(key);
  if (found !== undefined) return found;
  if (entries.size >= PARTS_MAX) return null;
  const made = make();
  entries.set(key, made);
  return made;
}

function inOrder<T>(entries: ReadonlyMap<number, T>): T[] {
  return [...entries].sort(([one], [other]) => one - other).map(([, entry]) => entry);
}
