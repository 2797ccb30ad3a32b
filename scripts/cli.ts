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
