/** An event's end is a blank line, under any of the three line ends that SSE allows. */
const EVENT_END = /\n\r?\n|\r\r/g;

/** The whole events at a text's beginning, each with the blank line that ends it, and what is left. */
export function wholeEvents(text: string): { events: string[]; rest: string } {
  const events: string[] = [];
  let start = 0;
  for (const end of text.matchAll(EVENT_END)) {
    const next = end.index + end[0].length;
    events.push(text.slice(start, next));
    start = next;
  }
  return { events, rest: text.slice(start) };
}

/** The data of an event; '' for one without, such as a comment. */
export function dataOf(event: string): string {
  return event
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n');
}

export const DONE = '[DONE]';

/** An SSE event. */
export function eventOf(data: string): string {
  return `data: ${data}\n\n`;
}

/** A model's name as one line of ASCII, whatever the client called it. */
export function headerSafe(model: string): string {
  return encodeURI(model.toWellFormed());
}

/** The JSON of an event's data; null: it is none. */
export function jsonOf<T>(data: string): T | null {
  try {
    return JSON.parse(data) as T;
  } catch {
    return null;
  }
}
