import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4WorkerOptions } from 'miniflare';
import { unstable_getMiniflareWorkerOptions } from 'wrangler';
import { wrangler } from '../../scripts/wrangler.ts';
import { firstIdOf } from '../../shared/ids.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Counts, Statement } from './ledger-counts.ts';

const CONFIG = 'wrangler.consumer.toml';
const BUILDS = {
  consumer: 'consumer-worker/index.ts',
  counted: 'load/bench/workers/ledger-counted.ts',
  'row-by-row': 'load/bench/workers/ledger-row-by-row.ts',
} as const;
const DRIVER = 'load/bench/workers/ledger-driver.ts';

/** Ways into the ledger by the queue that leads there: the consumer's own, and those it is measured against. */
const WAYS = {
  consumer: { worker: 'consumer', queue: 'openai-api-usage' },
  counted: { worker: 'counted', queue: 'openai-api-usage' },
  'row-by-row': { worker: 'row-by-row', queue: 'row-by-row' },
  'event-by-event': { worker: 'row-by-row', queue: 'event-by-event' },
} as const;
export type Way = keyof typeof WAYS;

/** The consumer as it would be deployed, and what it is measured against, over several databases in one workerd. */
export class LedgerSystem {
  readonly #miniflare: Miniflare;
  readonly #url: URL;

  private constructor(miniflare: Miniflare, url: URL) {
    this.#miniflare = miniflare;
    this.#url = url;
  }

  /**
   * Builds the workers and starts them.
   *
   * @param dir where databases are, or will be, and what is built goes.
   * @param databases their names.
   */
  static async start(dir: string, databases: readonly string[]): Promise<LedgerSystem> {
    const { workerOptions } = unstable_getMiniflareWorkerOptions(CONFIG);
    const { queueConsumers: _, ...options } = workerOptions;
    const scripts = Object.entries(BUILDS).map(([name, main]) => [name, build(main, dir)] as const);
    const workers = databases.flatMap((database) =>
      scripts.map(([name, script]) => ({
        ...options,
        name: `${name}-${database}`,
        modules: [{ type: 'ESModule' as const, path: 'index.js', contents: script }],
        d1Databases: { DB: database },
      })),
    );
    const driver = {
      name: 'driver',
      compatibilityDate: options.compatibilityDate,
      compatibilityFlags: ['experimental', 'service_binding_extra_handlers'],
      modules: [{ type: 'ESModule' as const, path: 'index.js', contents: build(DRIVER, dir) }],
      serviceBindings: Object.fromEntries(workers.map(({ name }) => [name, name])),
      // Past the router that Miniflare puts before workers.
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    };
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        resourcePersistencePath: join(dir, 'v3'),
        log: new Log(LogLevel.ERROR),
        // A line a batch.
        handleStructuredLogs: ({ level, message }) => {
          if (level === 'error' || level === 'warn') console.error(message);
        },
        cf: false,
        workers: [driver, ...workers] as V4WorkerOptions[],
      }),
    );
    return new LedgerSystem(miniflare, await miniflare.unsafeGetDirectURL());
  }

  /** Loads events, to be handed over in batches; they are replaced by the next ones. */
  async load(events: readonly UsageEvent[], batch: number): Promise<void> {
    await this.#ask(`/load?batch=${batch}`, JSON.stringify(events));
  }

  /** Hands over what is loaded, one batch after the other. @returns how long it took, ms. */
  async run(way: Way, database: string): Promise<number> {
    const { worker, queue } = WAYS[way];
    const startedAt = performance.now();
    await this.#ask(`/run?worker=${worker}-${database}&queue=${queue}`, '');
    return performance.now() - startedAt;
  }

  /** What the way `counted` has asked of D1 since this was asked last. */
  async counts(database: string): Promise<Counts> {
    return JSON.parse(await this.#ask(`/counts?worker=counted-${database}`)) as Counts;
  }

  /**
   * Hands over what is loaded to a consumer whose transactions are not run.
   *
   * @returns these, and how long it took, ms.
   */
  async withoutTransactions(database: string): Promise<{ transactions: Statement[][]; ms: number }> {
    await this.#ask(`/dry?worker=counted-${database}`);
    const ms = await this.run('counted', database);
    return { transactions: JSON.parse(await this.#ask(`/transactions?worker=counted-${database}`)), ms };
  }

  /** Takes back what events from a time on, the start of a UTC day (Unix ms), have written. */
  async forget(database: string, from: number): Promise<void> {
    const db = await this.#miniflare.getD1Database('DB', `consumer-${database}`);
    await db.batch([
      db.prepare('DELETE FROM usage_logs WHERE request_id >= ?1').bind(firstIdOf(from)),
      db.prepare('DELETE FROM unpriced_attempts WHERE request_id >= ?1').bind(firstIdOf(from)),
      db.prepare('DELETE FROM usage_rollups_hourly WHERE hour >= ?1').bind(from),
      db.prepare('DELETE FROM usage_rollups_daily WHERE day >= ?1').bind(from),
      db.prepare('DELETE FROM usage_latency_hourly WHERE hour >= ?1').bind(from),
      db.prepare('UPDATE api_keys SET last_used_at = NULL'),
    ]);
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }

  /** Has D1 make its databases, and stops. @returns the path of each. */
  static async makeDatabases(dir: string, databases: readonly string[]): Promise<Map<string, string>> {
    const system = await LedgerSystem.start(dir, databases);
    const folder = join(dir, 'v3/d1/miniflare-D1DatabaseObject');
    const paths = new Map<string, string>();
    try {
      for (const name of databases) {
        const known = new Set(paths.values());
        const db = await system.#miniflare.getD1Database('DB', `consumer-${name}`);
        await db.prepare('SELECT 1').run();
        const path = databasesIn(folder).find((one) => !known.has(one));
        if (path === undefined) throw new Error(`D1 has made no database in ${folder}.`);
        paths.set(name, path);
      }
    } finally {
      await system.stop();
    }
    return paths;
  }

  async #ask(path: string, body?: string): Promise<string> {
    const response = await fetch(new URL(path, this.#url), body === undefined ? {} : { method: 'POST', body });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }
}

function databasesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sqlite') && !file.startsWith('metadata'))
    .map((file) => join(folder, file));
}

/** A worker's bundle, as a deploy of the consumer would make it; once a directory. */
function build(main: string, dir: string): string {
  const outdir = join(dir, 'built', main.replace(/\W/g, '-'));
  if (!existsSync(outdir)) wrangler(['deploy', main, '--dry-run', '-c', CONFIG, '--outdir', outdir]);
  const [script] = readdirSync(outdir).filter((file) => file.endsWith('.js'));
  return readFileSync(join(outdir, script ?? ''), 'utf8');
}
