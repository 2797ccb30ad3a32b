import { DONE, dataOf, jsonOf, wholeEvents } from '../upstream/sse.ts';

/** As the upstream tells it, in whatever detail. */
export type Usage = Record<string, unknown>;

/** A chat chunk as far as the agent lane reads it; whatever else is in it goes on to the client. */
export interface Chunk {
  id?: string;
  created?: number;
  model?: string;
  choices?: ChunkChoice[];
  usage?: Usage | null;
  error?: unknown;
}

export interface ChunkChoice {
  index?: number;
  delta?: {
    content?: string | null;
    tool_calls?: ToolCallDelta[];
    reasoning_details?: Record<string, unknown>[];
  } & Record<string, unknown>;
  finish_reason?: string | null;
}

export interface ToolCallDelta {
  index?: number;
  id?: string;
  type?: string;
  function?: { name?: string; arguments?: string };
}

/** A chat completion as far as the agent lane reads it. */
export interface Completion {
  id?: string;
  created?: number;
  model?: string;
  choices?: {
    index?: number;
    message?: {
      content?: string | null;
      tool_calls?: ToolCallDelta[];
      reasoning_details?: Record<string, unknown>[];
    } & Record<string, unknown>;
    finish_reason?: string | null;
  }[];
  usage?: Usage | null;
}

/** The chunks of a stream's text; what is none is passed over. */
export function chunksOf(text: string): Chunk[] {
  const { events, rest } = wholeEvents(text);
  return [...events, rest].flatMap((event) => {
    const data = dataOf(event);
    return data === '' || data === DONE ? [] : (jsonOf<Chunk>(data) ?? []);
  });
}
