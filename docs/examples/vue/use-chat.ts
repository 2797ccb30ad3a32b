import OpenAI from 'openai';
import { computed, reactive, ref, shallowRef } from 'vue';

/** A message, and of an answer what the gateway told beside its text. */
interface Message {
  role: 'user' | 'assistant';
  content: string;
  tokens?: number;
  requestId?: string | null;
}

/** A conversation with the gateway, which is forgotten with the tab. */
export function useChat() {
  const connection = reactive({ baseURL: 'http://127.0.0.1:8787/v1', apiKey: '', model: 'openai/gpt-5-mini' });
  const messages = ref<Message[]>([]);
  const error = ref('');
  const running = shallowRef<AbortController | null>(null);

  /** Says something, and lets the answer grow as it comes. */
  async function send(content: string): Promise<void> {
    messages.value.push({ role: 'user', content });
    error.value = '';
    running.value = new AbortController();
    try {
      await answer(running.value.signal);
    } catch (raised) {
      if (!(raised instanceof OpenAI.APIUserAbortError)) error.value = String((raised as Error).message);
    } finally {
      running.value = null;
    }
  }

  async function answer(signal: AbortSignal): Promise<void> {
    const { baseURL, apiKey, model } = connection;
    // The key is the person's own. A page for others must not bring one along: the README says what to use instead.
    const client = new OpenAI({ baseURL, apiKey, dangerouslyAllowBrowser: true });
    const { data: stream, request_id } = await client.chat.completions
      .create(
        {
          model,
          messages: messages.value.map(({ role, content }) => ({ role, content })),
          stream: true,
          stream_options: { include_usage: true },
        },
        { signal },
      )
      .withResponse();
    const message: Message = reactive({ role: 'assistant', content: '', requestId: request_id });
    messages.value.push(message);
    for await (const { choices, usage } of stream) {
      message.content += choices[0]?.delta.content ?? '';
      if (usage) message.tokens = usage.total_tokens;
    }
  }

  return {
    connection,
    messages,
    error,
    send,
    busy: computed(() => running.value !== null),
    stop: () => running.value?.abort(),
  };
}
