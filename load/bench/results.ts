import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Machine } from './machine.ts';

const FOLDER = 'docs/bench';

/** Keeps a bench's result where the documents and the pictures take it from. */
export function saveResult<Result extends { machine: Machine }>(bench: string, result: Result): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}/${bench}.json`, `${JSON.stringify(result, null, 2)}\n`);
}

/** A result that was kept; of the form that the bench of that name saves. */
export function readResult<Result extends { machine: Machine }>(bench: string): Result {
  return JSON.parse(readFileSync(`${FOLDER}/${bench}.json`, 'utf8')) as Result;
}
