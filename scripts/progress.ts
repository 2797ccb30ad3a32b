const BAR_WIDTH = 30;
/** Where there is no terminal: so long after a line, or after each further tenth, comes the next. */
const LINE_EVERY_MS = 10_000;

/** How far something is that takes a while. */
export interface Progress {
  /** So many more are done. */
  advance(count: number): void;
  /** Leaves the terminal as it was. */
  end(): void;
}

/**
 * Tells on standard error how far something is: by a bar on a terminal, elsewhere by a line for each tenth of it, and
 * every ten seconds.
 *
 * @param what is being done, such as `replay`.
 * @param total that there is to do, as far as is known.
 */
export function progress(
  what: string,
  total: number,
  to: Pick<NodeJS.WriteStream, 'isTTY' | 'write'> = process.stderr,
): Progress {
  const startedAt = Date.now();
  let done = 0;
  let told = { at: startedAt, tenths: 0 };
  const isDue = (): boolean => {
    const [at, tenths] = [Date.now(), Math.floor(percent(done, total) / 10)];
    if (tenths === told.tenths && at - told.at < LINE_EVERY_MS) return false;
    told = { at, tenths };
    return true;
  };
  return {
    advance(count) {
      done += count;
      if (!to.isTTY && !isDue()) return;
      const line = `${what} ${progressLine(done, total, Date.now() - startedAt)}`;
      to.write(to.isTTY ? `\r${line.replace(' ', ` ${bar(done, total)} `)}\x1b[K` : `${line}\n`);
    },
    end() {
      if (to.isTTY && done > 0) to.write('\r\x1b[K');
    },
  };
}

/** `300 of 1200, 25 %, 100/s, 9 s left` */
export function progressLine(done: number, total: number, elapsedMs: number): string {
  const perSecond = (done * 1000) / Math.max(elapsedMs, 1);
  const left = Math.max(total - done, 0);
  const seconds = perSecond === 0 ? null : Math.ceil(left / perSecond);
  return [
    `${done} of ${Math.max(total, done)}`,
    `${percent(done, total)} %`,
    `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`,
    ...(left === 0 || seconds === null ? [] : [`${duration(seconds)} left`]),
  ].join(', ');
}

/** `[########----------------------]` */
export function bar(done: number, total: number): string {
  const full = Math.floor((percent(done, total) * BAR_WIDTH) / 100);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`;
}

/** Not 100 before all is done; more than was known of is all. */
function percent(done: number, total: number): number {
  return done >= total ? 100 : Math.floor((done * 100) / total);
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
