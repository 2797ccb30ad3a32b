import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api } from './api.ts';
import type { Key } from './types.ts';

/** For this tab, until it is closed: never in a URL, a cookie, or anywhere that outlives it. */
const STORED_AS = 'openai-api-key';

export function storedKey(): string | null {
  return sessionStorage.getItem(STORED_AS);
}

export function storeKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(STORED_AS);
  else sessionStorage.setItem(STORED_AS, key);
}

/** Who is signed in, and the API under their key. */
export interface Session {
  api: Api;
  me: Key;
  isAdmin: boolean;
}

export const SessionContext = createContext<Session | null>(null);

/** Of whoever is signed in; pages are shown to nobody else. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('There is no session here.');
  return session;
}
