import { useChat } from '@ai-sdk/react';
import { type KeyboardEvent, type SubmitEvent, useMemo, useState } from 'react';
import { type ChatMessage, type Connection, transportTo } from './transport.ts';

/** The page: where to ask, the conversation, and what to say next. All of it is forgotten with the tab. */
export function Chat() {
  const [connection, setConnection] = useState<Connection>({
    baseURL: 'http://127.0.0.1:8787/v1',
    apiKey: '',
    model: 'openai/gpt-5-mini',
  });
  const transport = useMemo(() => transportTo(connection), [connection]);
  const { messages, sendMessage, status, stop, error } = useChat<ChatMessage>({ transport });
  const busy = status === 'submitted' || status === 'streaming';
  const [draft, setDraft] = useState('');

  const send = (event: SubmitEvent) => {
    event.preventDefault();
    const text = draft.trim();
    if (!text || busy) return;
    setDraft('');
    void sendMessage({ text });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === 'Escape') void stop();
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    event.currentTarget.form?.requestSubmit();
  };

  return (
    <main>
      <h1>Chat</h1>
      <ConnectionFields connection={connection} onChange={setConnection} />
      <div className="scroller">
        <div role="log" aria-label="Conversation" aria-live="polite" aria-busy={busy}>
          {messages.map((message) => (
            <Message key={message.id} message={message} />
          ))}
        </div>
      </div>
      <p role="alert">{error?.message}</p>
      <form className="composer" onSubmit={send}>
        <label>
          Message: Enter sends, Shift+Enter begins a line, Escape stops
          <textarea rows={1} value={draft} onChange={(event) => setDraft(event.target.value)} onKeyDown={onKeyDown} />
        </label>
        <button type="submit" disabled={busy}>
          Send
        </button>
        <button type="button" disabled={!busy} onClick={() => void stop()}>
          Stop
        </button>
      </form>
    </main>
  );
}

interface ConnectionFieldsProps {
  connection: Connection;
  onChange(connection: Connection): void;
}

/** No field has a name and none is in a form that goes anywhere, so that the key cannot get into a URL. */
function ConnectionFields({ connection, onChange }: ConnectionFieldsProps) {
  const field = (name: keyof Connection, type: string) => ({
    type,
    value: connection[name],
    autoComplete: 'off',
    spellCheck: false,
    onChange: (event: { target: { value: string } }) => onChange({ ...connection, [name]: event.target.value }),
  });
  return (
    <details open>
      <summary>Connection</summary>
      <fieldset>
        <label>
          Base URL
          <input {...field('baseURL', 'url')} />
        </label>
        <label>
          API key
          <input {...field('apiKey', 'password')} />
        </label>
        <label>
          Model
          <input {...field('model', 'text')} />
        </label>
      </fieldset>
      <small>The key stays in this tab's memory and goes to the base URL only.</small>
    </details>
  );
}

function Message({ message: { role, parts, metadata } }: { message: ChatMessage }) {
  return (
    <article aria-label={role === 'user' ? 'You' : 'Assistant'}>
      <p>{parts.map((part) => (part.type === 'text' ? part.text : '')).join('')}</p>
      {metadata && (
        <small>
          {metadata.tokens} tokens · x-request-id {metadata.requestId}
        </small>
      )}
    </article>
  );
}
