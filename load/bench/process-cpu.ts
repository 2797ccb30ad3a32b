import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** Linux counts a process' time in these, whatever its clock (proc(5), `USER_HZ`). */
const TICK_MS = 10;

/** CPU time that a process has used so far, user and system, ms; in steps of 10. Linux only. */
function cpuMs(pid: number): number {
  // The name may hold spaces and parentheses: what is counted starts behind its last one.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The most memory that a process has held so far, and what it holds now, bytes. Linux only. */
export function memoryOf(pid: number): { peak: number; now: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return { peak: kibibytes('VmHWM') * 1024, now: kibibytes('VmRSS') * 1024 };
}

/** This process' children of a name. Linux only. */
export function childrenNamed(name: string): number[] {
  return readdirSync(`/proc/${process.pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${process.pid}/task/${task}/children`, 'utf8').trim().split(' '))
    .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name)
    .map(Number);
}

/** Starts counting: what is returned says how much CPU time the process used since, ms. */
export function usedCpu(pid: number): () => number {
  const before = cpuMs(pid);
  return () => cpuMs(pid) - before;
}

/** Longer than queues wait for a batch to fill. */
const QUIET_AFTER_MS = 1_300;
const LOOK_EVERY_MS = 200;

/** What is not done by then never will be. */
const QUIET_WITHIN_MS = 60_000;

/**
 * Waits until a process has done what it does after its answers: queues, and what they feed.
 *
 * @throws Error when it does not come to rest.
 */
export async function untilQuiet(pid: number): Promise<void> {
  await wait(QUIET_AFTER_MS);
  const deadline = Date.now() + QUIET_WITHIN_MS;
  for (let before = cpuMs(pid), now = before + TICK_MS; Date.now() < deadline; before = now) {
    await wait(LOOK_EVERY_MS);
    now = cpuMs(pid);
    if (now - before <= TICK_MS) return;
  }
  throw new Error(`workerd was still busy after ${QUIET_WITHIN_MS / 1000} s.`);
}
