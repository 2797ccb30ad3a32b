import type { Query } from '../api.ts';
import { useSession } from '../session.ts';
import { useAction } from '../use-action.ts';
import { Outcome } from './outcome.tsx';

/** A button that saves what the API answers as CSV. */
export function Download({ path, query, name }: { path: string; query: Query; name: string }) {
  const { api } = useSession();
  const action = useAction();
  const download = () =>
    action.run(async () =>
      (await api.download(path, query, name))
        ? null
        : 'It was saved, but not to the end, which is too far away: ask for a shorter time.',
    );
  return (
    <>
      <button type="button" onClick={download} aria-disabled={action.busy}>
        CSV
      </button>
      <Outcome of={action} />
    </>
  );
}
