import { reportException } from './analytics/report-exception.ts';
import type { Env } from './env.ts';
import { logJob } from './log.ts';

/** Something that is done by the clock; returns what its log line tells. Safe to run twice, and at the same time. */
export type Job = (env: Env, now: number) => Promise<Record<string, unknown>>;

/** Runs jobs one after the other; one that fails holds up no other, and is tried again at its next time. */
export async function runJobs(jobs: readonly Job[], env: Env, now: number): Promise<void> {
  for (const job of jobs) {
    const startedAt = Date.now();
    try {
      logJob({ job: job.name, startedAt, result: await job(env, now), error: undefined });
    } catch (error) {
      logJob({ job: job.name, startedAt, result: {}, error });
      await reportException(env, error, { path: job.name });
    }
  }
}
