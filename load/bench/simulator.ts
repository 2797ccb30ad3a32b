import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The simulated OpenRouter and PostHog in a process of their own, so that what they take is not taken for ours. */
export interface Simulator {
  /** What UPSTREAM_BASE_URL is set to. */
  url: string;
  /** For POSTHOG_HOST. */
  origin: string;
  /** Answers that analytics were told of without their content. */
  leftOut(): Promise<number>;
  /** Lets go of what it was sent. */
  forget(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSimulator(): Promise<Simulator> {
  const child = spawn(process.execPath, ['load/upstream/main.ts'], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // Miniflare ends this process on Ctrl-C, past every `finally`.
  const endedWith = () => child.kill('SIGKILL');
  process.once('exit', endedWith);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const url = /ready (\S+)/.exec(line.toString())?.[1];
  if (!url) throw new Error(`The simulator did not start: ${line}`);
  const { origin } = new URL(url);
  return {
    url,
    origin,
    async leftOut() {
      const { events } = (await (await fetch(`${origin}/sim/posthog`)).json()) as {
        events: { properties: { output_omitted?: string | null } }[];
      };
      return events.filter(({ properties }) => properties.output_omitted === 'size').length;
    },
    async forget() {
      await Promise.all(['ledger', 'posthog'].map((what) => fetch(`${origin}/sim/${what}`, { method: 'DELETE' })));
    },
    async stop() {
      process.off('exit', endedWith);
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}
