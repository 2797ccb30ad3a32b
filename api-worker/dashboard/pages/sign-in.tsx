import { useId, useState } from 'preact/hooks';
import { Problem, Waiting } from '../parts/notice.tsx';
import { Submit } from '../parts/submit.tsx';
import { useAction } from '../use-action.ts';

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
  const { busy, error, run } = useAction();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    run(async () => {
      await onKey(key.trim());
      return null;
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
          stays in this tab, until you sign out or close it.
        </p>
        <Submit>{busy ? 'Signing in …' : 'Sign in'}</Submit>
        <Problem error={error ?? (refusal === null ? null : new Error(refusal))} />
      </form>
    </main>
  );
}

interface ResumingProps {
  error: Error | null;
  onRetry: () => void;
  onSignOut: () => void;
}

/** While the key that this tab has is looked at again, or where that cannot be done. */
export function Resuming({ error, onRetry, onSignOut }: ResumingProps) {
  return (
    <main class="sign-in">
      <h1>openai-api</h1>
      {error ? (
        <>
          <Problem error={error} onRetry={onRetry} />
          <button type="button" onClick={onSignOut}>
            Sign out
          </button>
        </>
      ) : (
        <Waiting what="the key of this tab" />
      )}
    </main>
  );
}
