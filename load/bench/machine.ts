import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';

/** Where and when figures were taken, and by what. */
export interface Machine {
  /** The processor's model. */
  cpu: string;
  cores: number;
  memory_gib: number;
  node: string;
  workerd: string;
  /** ISO, UTC. */
  date: string;
}

/** This machine, now. Run in the project's folder. */
export function thisMachine(): Machine {
  const workerd = readFileSync('node_modules/workerd/package.json', 'utf8');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    workerd: (JSON.parse(workerd) as { version: string }).version,
    date: new Date().toISOString(),
  };
}
