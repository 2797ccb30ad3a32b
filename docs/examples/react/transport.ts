import { createOpenAI } from '@ai-sdk/openai';
import { type ChatTransport, DirectChatTransport, type InferAgentUIMessage, ToolLoopAgent } from 'ai';

/** Where the gateway is, by which key, and who is to answer. */
export interface Connection {
  baseURL: string;
  apiKey: string;
  model: string;
}

/** Of an answer, what the gateway told beside its text. */
interface Told {
  tokens: number | undefined;
  requestId: string | undefined;
}

export type ChatMessage = InferAgentUIMessage<ToolLoopAgent, Told>;

/**
 * What `useChat` sends conversations by. The AI SDK's usual transport asks a server of the page's own, which asks the
 * model; this one is that server's half, in the page. An agent without tools is one call of its model.
 *
 * `.chat(model)`, not what `createOpenAI` makes by default: that is /v1/responses, where from the second turn on
 * answers are named by their ids instead of being brought along, and the gateway keeps none.
 */
export function transportTo({ baseURL, apiKey, model }: Connection): ChatTransport<ChatMessage> {
  return new DirectChatTransport({
    agent: new ToolLoopAgent({ model: createOpenAI({ baseURL, apiKey }).chat(model) }),
    // Else a person would read 'An error occurred.'
    onError: (error) => (error instanceof Error ? error.message : String(error)),
    messageMetadata: ({ part }): Told | undefined =>
      part.type === 'finish-step'
        ? { tokens: part.usage.totalTokens, requestId: part.response.headers?.['x-request-id'] }
        : undefined,
  });
}
