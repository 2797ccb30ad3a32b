import type { Generation } from '../../shared/generation.ts';
import type { Transcript } from '../metering/transcript.ts';
import type { AttemptFailure } from './failure.ts';

/** One upstream call, from when it is made. */
export interface AttemptRecord {
  readonly model: string;
  /** Unix ms. */
  readonly startedAt: number;
  /** The most that it may cost, nano-dollars, or what it did cost once somebody knows; 0 where nobody asks. */
  boundNanoUsd: number;
  /** The upstream's id of it; null until its headers came. */
  generationId: string | null;
  /** The answer's type; null until its headers came. */
  contentType: string | null;
  /** All that the upstream sends; null until its headers came. */
  transcript: Promise<Transcript> | null;
  /** Why it gave no answer, or none to its end; null as long as nothing is wrong. */
  failure: AttemptFailure | null;
  /** Whether the client got any of it. */
  relayed: boolean;
  /** What the upstream says of it afterwards, once asked. */
  generation: Promise<Generation | null> | null;
}

/** What it took to answer a request. Grows as it goes. */
export interface Journal {
  attempts: AttemptRecord[];
  /** Models that were not called, and why; one line each. */
  skipped: string[];
}

export function newJournal(): Journal {
  return { attempts: [], skipped: [] };
}

/** One line for each attempt that failed: model, kind and status; no upstream text. */
export function failuresOf({ attempts }: Journal): string[] {
  return attempts.flatMap(({ model, failure }) => (failure ? [`${model}: ${failure.message}`] : []));
}
