import { isObject } from './is-object.ts';

/** A part of a message, in the forms that PostHog shows. */
export type Part =
  | { type: 'thinking'; thinking: string }
  | { type: 'text'; text: string }
  | { type: 'function'; id: string; function: { name: string; arguments: string } };

/** One of `$ai_output_choices`: text alone as a string, as PostHog's own clients write it. */
export interface Choice {
  role: string;
  content: string | unknown[];
}

export function choiceOf(role: string, parts: readonly unknown[]): Choice {
  const [only, ...others] = parts;
  if (only === undefined) return { role, content: '' };
  const text = others.length === 0 && isObject(only) && only.type === 'text' ? only.text : null;
  return { role, content: typeof text === 'string' ? text : [...parts] };
}

export function thinkingPart(thinking: string): Part[] {
  return thinking ? [{ type: 'thinking', thinking }] : [];
}

export function textPart(text: string): Part[] {
  return text ? [{ type: 'text', text }] : [];
}

export function callPart(id: string, name: string, args: string): Part {
  return { type: 'function', id, function: { name, arguments: args } };
}

/** What is added to a text by a member that may not be one. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
