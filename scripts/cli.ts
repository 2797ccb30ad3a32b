import { createInterface } from 'node:readline/promises';

/** A command line that cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Runs a command with the arguments that it was given. What it throws is told in a line, and the exit code is 1.
 *
 * @param name as it is called: `npm run keys`.
 */
export async function run(name: string, command: (args: readonly string[]) => Promise<void>): Promise<void> {
  await command(process.argv.slice(2)).catch((error: Error) => {
    console.error(error.message);
    if (error instanceof UsageError) console.error(`See ${name} -- --help`);
    process.exitCode = 1;
  });
}

/** Whether there is somebody who can be asked. */
export function onTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Asks whoever sits at the terminal; anything but a yes is a no. */
export async function agreed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
