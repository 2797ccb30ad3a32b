import type { TestProject } from 'vitest/node';
import { startUpstream } from '../../load/upstream/server.ts';

/** Runs the simulated OpenRouter beside tests that run inside workerd. */
export default async function setup(project: TestProject) {
  const upstream = await startUpstream();
  project.provide('upstreamUrl', upstream.url);
  return () => upstream.close();
}
