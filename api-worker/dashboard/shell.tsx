import type { ComponentType } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Api } from './api.ts';
import { Accounts } from './pages/accounts.tsx';
import { Alerts } from './pages/alerts.tsx';
import { DeadLetters } from './pages/dead-letters.tsx';
import { LimitsPage } from './pages/limits.tsx';
import { Requests } from './pages/requests.tsx';
import { Resuming, SignIn } from './pages/sign-in.tsx';
import { Upstream } from './pages/upstream.tsx';
import { UsagePage } from './pages/usage.tsx';
import { hashOf, type Route, useRoute } from './route.ts';
import { type Session, SessionContext, storedKey, storeKey } from './session.ts';
import type { Key } from './types.ts';
import { useAction } from './use-action.ts';

interface Page {
  name: string;
  title: string;
  needs: Key['permissions'][number];
  show: ComponentType<{ route: Route }>;
}

const PAGES: readonly Page[] = [
  { name: '', title: 'Usage', needs: 'read', show: UsagePage },
  { name: 'requests', title: 'Requests', needs: 'read', show: Requests },
  { name: 'limits', title: 'Limits', needs: 'read', show: LimitsPage },
  { name: 'accounts', title: 'Accounts', needs: 'admin', show: Accounts },
  { name: 'dead-letters', title: 'Dead letters', needs: 'admin', show: DeadLetters },
  { name: 'alerts', title: 'Alerts', needs: 'admin', show: Alerts },
  { name: 'upstream', title: 'Upstream', needs: 'admin', show: Upstream },
];

/** The whole dashboard: the question for a key, or what may be seen under it. */
export function Shell() {
  const [session, setSession] = useState<Session | null>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  /** Whether this tab has a key, which may still have to be looked at. */
  const [hasKey, setHasKey] = useState(storedKey() !== null);
  const resuming = useAction();

  const signOut = (why: string | null = null) => {
    session?.api.close();
    storeKey(null);
    setHasKey(false);
    setSession(null);
    setRefusal(why);
  };
  const signIn = async (key: string) => {
    const api = new Api(key, ({ message }) => signOut(message));
    const me = await api.get<Key>('/v1/key');
    storeKey(key);
    setHasKey(true);
    setRefusal(null);
    setSession({ api, me, isAdmin: me.permissions.includes('admin') });
  };
  const resume = () => {
    const key = storedKey();
    if (key === null) return;
    resuming.run(async () => {
      await signIn(key);
      return null;
    });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page is loaded.
  useEffect(resume, []);
  useBeginsAnew(session);

  if (session) {
    return (
      <SessionContext.Provider value={session}>
        <SignedIn session={session} onSignOut={() => signOut()} />
      </SessionContext.Provider>
    );
  }
  if (hasKey) return <Resuming error={resuming.error} onRetry={resume} onSignOut={() => signOut()} />;
  return <SignIn onKey={signIn} refusal={refusal} />;
}

/** A page that the browser kept and brings back as it was may show what its tab was signed out of since. */
function useBeginsAnew(session: Session | null) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: with the session the key changes.
  useEffect(() => {
    const key = storedKey();
    const shown = ({ persisted }: PageTransitionEvent) => {
      if (persisted && storedKey() !== key) location.reload();
    };
    addEventListener('pageshow', shown);
    return () => removeEventListener('pageshow', shown);
  }, [session]);
}

function SignedIn({ session: { me }, onSignOut }: { session: Session; onSignOut: () => void }) {
  const route = useRoute();
  const pages = useMemo(() => PAGES.filter(({ needs }) => me.permissions.includes(needs)), [me]);
  const page = pages.find(({ name }) => name === route.page) ?? pages[0];
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another id is another place.
  useEffect(() => {
    document.title = `${page?.title ?? 'Dashboard'} · @wemake/openai-api`;
    // Who follows a link goes on reading where it leads; who has just come begins at the top.
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
  }, [page?.title, route.id]);
  return (
    <>
      <a class="skip" href={location.hash || '#/'} onClick={() => main.current?.focus()}>
        Skip to the content
      </a>
      <header>
        <strong class="brand">openai-api</strong>
        <nav aria-label="Pages">
          {pages.map(({ name, title }) => (
            <a key={name} href={hashOf(name)} aria-current={name === page?.name ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <div class="who">
          <span title={me.id}>{me.user_id}</span>
          <button type="button" class="quiet" onClick={onSignOut}>
            Sign out
          </button>
        </div>
      </header>
      <main ref={main} tabIndex={-1}>
        {page ? (
          <page.show route={route} />
        ) : (
          <p class="empty">This key may only write: there is nothing to see under it.</p>
        )}
      </main>
      <footer class="note">{aboutTimes()}</footer>
    </>
  );
}

function aboutTimes(): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (timeZone === 'UTC') return 'All times are UTC.';
  return `Times are ${timeZone}’s, as this browser is set; hours, days and months of usage, limits and bills are UTC’s.`;
}
