import type { TestProject } from 'vitest/node';
import { readRecording } from '../../load/upstream/recordings.ts';
import { startUpstream } from '../../load/upstream/server.ts';
import { RECORDINGS, RECORDINGS_DIR } from './recordings.ts';

/** Runs the simulated OpenRouter beside tests that run inside workerd, and gives them what only files hold. */
export default async function setup(project: TestProject) {
  const upstream = await startUpstream();
  project.provide('upstreamUrl', upstream.url);
  project.provide('recordedBodies', recordedBodies());
  return () => upstream.close();
}

/** The bodies of recorded requests, by the endpoint of ours that takes them. */
function recordedBodies(): { path: string; body: string }[] {
  return RECORDINGS.flatMap((file) => {
    const { method, url, body } = readRecording(RECORDINGS_DIR, file)?.request ?? { method: '', url: '', body: null };
    const path = /\/(?:chat\/)?completions(?=$|\?)/.exec(url)?.[0];
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return method === 'POST' && path && text?.startsWith('{') ? [{ path: `/v1${path}`, body: text }] : [];
  });
}
