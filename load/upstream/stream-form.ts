import { errorBody } from './faults.ts';
import type { Plan } from './plan.ts';
import { chatChunks, completionBody, sse, usageChunk, usageOf } from './wire.ts';

/** How an endpoint's stream looks, well or ill; its speed and its end are answer.ts's. */
export interface StreamForm {
  /** All events but the last. */
  events: readonly string[];
  /** The event that tells usage. Where there is to be none it is left out, or comes without. */
  ending(withUsage: boolean): string;
  /** Before which event things go wrong that go wrong halfway. */
  half: number;
  /** How many tokens were generated for the first `sent` events. */
  generated(sent: number): number;
  /** An error as the first event. */
  firstError(): string;
  /** A fault's error after `sent` events; null where the fault is none. */
  errorHalfway(fault: string | null, sent: number): string | null;
}

/** A stream of chat completions. */
export function chatForm(plan: Plan): StreamForm {
  return chunkForm(plan, chatChunks(plan), usageChunk(plan));
}

/** A stream of legacy completions; its errors are chat's. */
export function completionForm(plan: Plan): StreamForm {
  const chunk = (text: string, finish: string | null) => sse(completionBody(plan, text, finish, false));
  const events = [...plan.pieces.map((text) => chunk(text, null)), chunk('', plan.finish)];
  return chunkForm(plan, events, sse({ ...completionBody(plan, '', null, false), choices: [], usage: usageOf(plan) }));
}

function chunkForm(plan: Plan, events: readonly string[], usage: string): StreamForm {
  return {
    events,
    ending: (withUsage) => (withUsage ? usage : ''),
    half: Math.floor(events.length / 2),
    generated: (sent) => sent,
    firstError: () => sse(errorBody(502)),
    errorHalfway: (fault) => chunkError(plan, fault, usage),
  };
}

function chunkError(plan: Plan, fault: string | null, usage: string): string | null {
  const { error } = errorBody(502);
  const head = {
    id: plan.id,
    object: 'chat.completion.chunk',
    created: plan.created,
    model: plan.model.canonical_slug,
  };
  const failed = { index: 0, delta: { content: '' }, finish_reason: 'error', native_finish_reason: 'error' };
  switch (fault) {
    case 'error-mid-stream':
      return sse({ ...head, error, choices: [failed] });
    case 'error-mid-stream-empty-choices':
      return sse({ ...head, error, choices: [] });
    case 'error-mid-stream-bare':
      return sse({ error });
    case 'error-mid-stream-usage':
      return sse({ ...head, error, choices: [] }) + usage;
    default:
      return null;
  }
}
