import { useId, useState } from 'preact/hooks';
import { Problem } from '../parts/notice.tsx';

interface Props {
  /** Signs in; rejects with what to tell. */
  onKey: (key: string) => Promise<void>;
  /** Why the last session ended. */
  refusal: string | null;
}

/** The question for a key. */
export function SignIn({ onKey, refusal }: Props) {
  const id = useId();
  const [key, setKey] = useState('');
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    onKey(key.trim()).catch((error: Error) => {
      setError(error);
      setBusy(false);
    });
  };
  return (
    <main class="sign-in">
      <h1>openai-api</h1>
      <form class="card" onSubmit={submit}>
        <label for={id}>API key</label>
        <input
          id={id}
          type="password"
          required
          autoComplete="off"
          spellcheck={false}
          placeholder="sk-…"
          value={key}
          onInput={({ currentTarget }) => setKey(currentTarget.value)}
        />
        <p class="note">
          With the permission <code>read</code> it shows its account’s usage, with <code>admin</code> everyone’s. It
          stays in this tab, until that is closed.
        </p>
        <button type="submit" disabled={busy}>
          {busy ? 'Signing in …' : 'Sign in'}
        </button>
        <Problem error={error ?? (refusal === null ? null : new Error(refusal))} />
      </form>
    </main>
  );
}
