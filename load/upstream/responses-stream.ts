import { errorBody } from './faults.ts';
import type { Plan } from './plan.ts';
import {
  type CallItem,
  ERROR_CODE,
  finalStatus,
  type MessageItem,
  type OutputItem,
  outputOf,
  type ReasoningItem,
  responseBody,
  textPart,
} from './responses-body.ts';
import type { ResponsesRequest } from './responses-request.ts';
import type { StreamForm } from './stream-form.ts';
import { fragments, sse } from './wire.ts';

/** An event before it has its place in the stream. */
type Event = { type: string } & Record<string, unknown>;

/** A stream of the Responses API. */
export function responsesForm(plan: Plan, request: ResponsesRequest): StreamForm {
  const begun = responseBody(plan, request, { status: 'in_progress', output: [], error: null, withUsage: false });
  const output = outputOf(plan);
  const events: Event[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...output.flatMap((item, index) => itemEvents(plan, item, index)),
  ];
  const deltas = events.flatMap(({ type }, n) => (type.endsWith('.delta') ? [n] : []));
  const status = finalStatus(plan);
  return {
    events: events.map(numbered),
    ending: (withUsage) => {
      const response = responseBody(plan, request, { status, output, error: null, withUsage });
      return numbered({ type: `response.${status}`, response }, events.length);
    },
    // Half of what is generated, for most of the events are not.
    half: deltas[Math.ceil(deltas.length / 2)] ?? events.length - 1,
    generated: (sent) => deltas.filter((n) => n < sent).length,
    firstError: () => numbered(errorEvent(), 0),
    errorHalfway: (fault, sent) => errorHalfway(plan, request, fault, sent),
  };
}

/** The whole answer of a provider that failed halfway; null for another fault. */
export function failedResponse(plan: Plan, request: ResponsesRequest, fault: string | null) {
  if (fault !== 'error-mid-stream' && fault !== 'error-mid-stream-usage') return null;
  const { message } = errorBody(502).error;
  const withUsage = fault === 'error-mid-stream-usage';
  return responseBody(plan, request, { status: 'failed', output: [], error: { code: ERROR_CODE, message }, withUsage });
}

function errorHalfway(plan: Plan, request: ResponsesRequest, fault: string | null, sent: number): string | null {
  if (fault === 'error-mid-stream-bare') return sse({ error: errorBody(502).error });
  if (fault === 'error-mid-stream-empty-choices') return numbered(errorEvent(), sent);
  const response = failedResponse(plan, request, fault);
  return response && numbered({ type: 'response.failed', response }, sent);
}

function errorEvent(): Event {
  return { type: 'error', code: ERROR_CODE, message: errorBody(502).error.message, param: null };
}

function numbered(event: Event, sequence_number: number): string {
  return `event: ${event.type}\n${sse({ ...event, sequence_number })}`;
}

function itemEvents(plan: Plan, item: OutputItem, output_index: number): Event[] {
  return [
    { type: 'response.output_item.added', output_index, item: unfilled(item) },
    ...partEvents(plan, item).map((event) => ({ ...event, item_id: item.id, output_index })),
    { type: 'response.output_item.done', output_index, item },
  ];
}

/** An item as it is announced. */
function unfilled(item: OutputItem): OutputItem {
  switch (item.type) {
    case 'reasoning':
      return { ...item, status: 'in_progress', summary: [] };
    case 'message':
      return { ...item, status: 'in_progress', content: [] };
    case 'function_call':
      return { ...item, status: 'in_progress', arguments: '' };
  }
}

function partEvents(plan: Plan, item: OutputItem): Event[] {
  switch (item.type) {
    case 'reasoning':
      return reasoningEvents(plan, item);
    case 'message':
      return messageEvents(plan, item);
    case 'function_call':
      return callEvents(item);
  }
}

function reasoningEvents(plan: Plan, { summary }: ReasoningItem): Event[] {
  const summary_index = 0;
  const part = summary[0];
  return [
    { type: 'response.reasoning_summary_part.added', summary_index, part: { ...part, text: '' } },
    ...plan.reasoning.map((delta) => ({ type: 'response.reasoning_summary_text.delta', summary_index, delta })),
    { type: 'response.reasoning_summary_text.done', summary_index, text: part?.text ?? '' },
    { type: 'response.reasoning_summary_part.done', summary_index, part },
  ];
}

function messageEvents(plan: Plan, { content }: MessageItem): Event[] {
  const at = { content_index: 0 };
  const part = content[0];
  return [
    { type: 'response.content_part.added', ...at, part: textPart('') },
    ...plan.pieces.map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...at, text: part?.text ?? '', logprobs: [] },
    { type: 'response.content_part.done', ...at, part },
  ];
}

function callEvents({ name, arguments: json }: CallItem): Event[] {
  return [
    ...fragments(json).map((delta) => ({ type: 'response.function_call_arguments.delta', delta })),
    { type: 'response.function_call_arguments.done', name, arguments: json },
  ];
}
