import { spawnSync } from 'node:child_process';

/** Python of an environment with the package `openai`: .ci/run makes one. */
export const PYTHON = process.env.PYTHON ?? 'python3';

/** The version of its `openai`; null if it has none or is not there, which is said. */
export const OPENAI_FOR_PYTHON = openaiVersion();

function openaiVersion(): string | null {
  const probe = spawnSync(PYTHON, ['-c', 'import openai; print(openai.__version__)'], { encoding: 'utf8' });
  if (probe.status === 0) return probe.stdout.trim();
  console.log(`Skipped: ${PYTHON} is not there or has no package openai (pip install openai).`);
  return null;
}
