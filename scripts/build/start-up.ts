import { readFile } from 'node:fs/promises';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';

/** So many fresh isolates a program. */
const TRIES = 15;
const COMPATIBILITY = { compatibilityDate: '2026-11-02', compatibilityFlags: ['enable_request_signal'] };

/** Times the making of an isolate up to its answer, before which it imports a program. In workerd the time stands still between I/O, which asking the clock is. */
const STOPWATCH = `
  const MAIN = "import './program.js'; export default { fetch: () => new Response(null) };";
  export default {
    async fetch(request, env) {
      const program = await request.text();
      const now = async () => {
        await env.CLOCK.fetch('http://clock/');
        return performance.now();
      };
      const from = await now();
      const isolate = env.LOADER.get(crypto.randomUUID(), () => ({
        ...${JSON.stringify(COMPATIBILITY)},
        mainModule: 'main.js',
        modules: { 'main.js': MAIN, 'program.js': program },
        globalOutbound: null,
      }));
      await isolate.getEntrypoint().fetch('http://isolate/');
      return Response.json((await now()) - from);
    },
  };`;

/** How long isolates took, in ms. */
export interface StartUp {
  median: number;
  least: number;
}

/**
 * Measures what a bundle adds to the start of an isolate: parsing it and running all that stands outside of its
 * handlers. Fresh isolates in one real workerd, in turn with ones whose program is a comment as long, whose time is
 * taken off.
 *
 * @param paths of bundles without other modules.
 * @returns by path.
 */
export async function startUps(paths: readonly string[]): Promise<Map<string, StartUp>> {
  const workerd = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          ...{ name: 'stopwatch', modules: true, script: STOPWATCH, ...COMPATIBILITY },
          workerLoaders: { LOADER: {} },
          serviceBindings: { CLOCK: 'clock' },
        },
        {
          name: 'clock',
          modules: true,
          script: 'export default { fetch: () => new Response(null) };',
          ...COMPATIBILITY,
        },
      ],
    }),
  );
  const time = async (program: string): Promise<number> => {
    const answer = await workerd.dispatchFetch('http://stopwatch/', { method: 'POST', body: program });
    if (!answer.ok) throw new Error(`The bundle does not start: ${await answer.text()}`);
    return (await answer.json()) as number;
  };
  try {
    const programs = await Promise.all(
      paths.map(async (path) => ({
        path,
        text: await readFile(path, 'utf8'),
        times: [] as number[],
        bare: [] as number[],
      })),
    );
    for (let n = 0; n < TRIES; n += 1) {
      for (const { text, times, bare } of programs) {
        bare.push(await time(`/*${' '.repeat(text.length)}*/`));
        times.push(await time(text));
      }
    }
    return new Map(
      programs.map(({ path, times, bare }) => [
        path,
        { median: median(times) - median(bare), least: Math.min(...times) - Math.min(...bare) },
      ]),
    );
  } finally {
    await workerd.dispose();
  }
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}
