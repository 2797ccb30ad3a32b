import { createParser } from 'eventsource-parser';
import { TooLong } from '../../shared/packed-text.ts';
import { isObject } from './is-object.ts';
import type { Choice } from './said.ts';
import { SaidChoices } from './said-choices.ts';
import { SaidResponse } from './said-responses.ts';

/**
 * What was answered, as `$ai_output_choices`, from an answer's JSON or its event stream. Of a stream that was
 * cut it is as much as came.
 *
 * @param jsonMaxChars of JSON that is parsed at once.
 * @throws TooLong for longer ones; SyntaxError for an answer that is neither.
 */
export function answered(text: string, jsonMaxChars: number): Choice[] {
  const choices = new SaidChoices();
  const response = new SaidResponse();
  const add = (json: string): void => {
    if (json.length > jsonMaxChars) throw new TooLong(`${json.length} characters`);
    const part: unknown = JSON.parse(json);
    if (!isObject(part)) return;
    if (Array.isArray(part.choices)) choices.add(part);
    else response.add(part);
  };
  if (text.trimStart().startsWith('{')) add(text);
  else addEvents(text, add);
  return [...choices.choices(), ...response.choices()];
}

/** How what {@link addEvents} reads begins. */
const JSON_OBJECT = /^\s*\{/;

function addEvents(text: string, add: (json: string) => void): void {
  const parser = createParser({
    onEvent({ data }) {
      // `[DONE]` and the like: a throw for each of a million of them takes seconds.
      if (!JSON_OBJECT.test(data)) return;
      try {
        add(data);
      } catch (error) {
        // An event that was cut in two.
        if (!(error instanceof SyntaxError)) throw error;
      }
    },
  });
  parser.feed(text);
  // An event that nothing followed was sent all the same.
  parser.feed('\n\n');
}
