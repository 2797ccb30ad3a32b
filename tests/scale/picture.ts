import type { Findings } from './findings.ts';
import { limitsOf, perSecond } from './saturation.ts';

const WIDTH = 720;
const LEFT = 210;
const ROW = 34;
/** Requests a second at the left and right end of the axis. */
const [FROM, TO] = [1, 10_000];
const TICKS = [1, 10, 100, 1_000, 10_000];

/** docs/scale.svg: which limit comes at which load, on a logarithmic axis. */
export function picture(found: Findings): string {
  const limits = limitsOf(found);
  const bottom = 30 + limits.length * ROW;
  const x = (load: number): number =>
    Math.round(LEFT + ((WIDTH - LEFT - 60) * Math.log10(load / FROM)) / Math.log10(TO / FROM));
  const ticks = TICKS.map(
    (load) =>
      `<path d="M${x(load)} 20V${bottom}" stroke="#ccc"/><text x="${x(load)}" y="${bottom + 18}" text-anchor="middle">${load.toLocaleString('en')}</text>`,
  );
  const bar = (end: number, y: number, fill: string): string =>
    `<rect x="${LEFT}" y="${y}" width="${end - LEFT}" height="22" fill="${fill}"/>`;
  const bars = limits.map(({ what, at }, n) => {
    const [least, most] = at;
    const y = 30 + n * ROW;
    return `<text x="${LEFT - 10}" y="${y + 16}" text-anchor="end">${what}</text>${bar(x(least), y, '#f6821f')}${bar(x(most), y, '#f6821f55')}<text x="${x(most) + 6}" y="${y + 16}">${perSecond(at)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${bottom + 46}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
${[...ticks, ...bars].join('\n')}
<text x="${LEFT}" y="${bottom + 38}">requests a second, with one database, one queue each, one account</text>
</svg>
`;
}
