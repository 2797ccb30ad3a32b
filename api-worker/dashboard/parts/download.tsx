import { useState } from 'preact/hooks';
import type { Query } from '../api.ts';
import { useSession } from '../session.ts';
import { Problem } from './notice.tsx';

/** A button that saves what the API answers as CSV. */
export function Download({ path, query, name }: { path: string; query: Query; name: string }) {
  const { api } = useSession();
  const [error, setError] = useState<Error | null>(null);
  const download = () => {
    setError(null);
    api.download(path, query, name).catch(setError);
  };
  return (
    <>
      <button type="button" onClick={download}>
        CSV
      </button>
      <Problem error={error} />
    </>
  );
}
