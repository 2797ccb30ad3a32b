import { useEffect, useId, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Series } from '../series.ts';
import { type Span, STEP_MS } from '../span.ts';
import { Table } from './table.tsx';

const HEIGHT = 200;
/** As many as series.ts makes; style.css has a colour for each, in both schemes. */
const COLOURS = 7;
/** Between two ticks: all that is plotted are integers (nano-dollars, requests, tokens, ms). */
const STEPS = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

interface Props {
  title: string;
  /** Unix ms, the beginning of each step. */
  times: readonly number[];
  step: Span['step'];
  series: readonly Series[];
  /** `bars`: amounts, one upon the other. `lines`: what has no sum. */
  kind: 'bars' | 'lines';
  /** A value with its unit, as it stands in tables; on the axis, if that is to be shorter. */
  format: (value: number) => string;
  formatAxis?: (value: number) => string;
}

/** A plot over time, and all its numbers as a table for whoever would rather read, or cannot see it. */
export function Chart({ title, times, step, series, kind, format, formatAxis = format }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const scheme = useScheme();
  const [asTable, setAsTable] = useState(false);
  const isEmpty = series.every(({ values }) => values.every((value) => value === null || value === 0));
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read anew when the scheme changes.
  useEffect(() => {
    if (!box.current || asTable || isEmpty) return;
    const parent = box.current;
    const { data, options } = plotOf({ times, step, series, kind, format, formatAxis }, parent);
    const plot = new uPlot(options, data, parent);
    const resized = new ResizeObserver(() => plot.setSize({ width: parent.clientWidth, height: HEIGHT }));
    resized.observe(parent);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [times, series, kind, asTable, isEmpty, scheme]);
  return (
    <figure class="card chart" aria-labelledby={id}>
      <figcaption>
        <h2 id={id}>{title}</h2>
        {!isEmpty && (
          <button type="button" class="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            Table
          </button>
        )}
      </figcaption>
      {isEmpty && <p class="empty">Nothing in this time.</p>}
      {!isEmpty && !asTable && (
        <>
          <p class="unseen">Plotted; the button “Table” shows the numbers.</p>
          <div ref={box} aria-hidden="true" />
        </>
      )}
      {!isEmpty && asTable && (
        <Table
          caption={title}
          rows={times.map((time, n) => ({ time, n })).reverse()}
          keyOf={({ time }) => String(time)}
          columns={[
            { head: `${step}, UTC`, cell: ({ time }) => label(time, step) },
            ...series.map(({ label: head, values }) => ({
              head,
              number: true,
              cell: ({ n }: { n: number }) => {
                const value = values[n] ?? null;
                return value === null ? '–' : format(value);
              },
            })),
          ]}
        />
      )}
    </figure>
  );
}

type Plotted = Required<Omit<Props, 'title'>>;

function plotOf({ times, step, series, kind, format, formatAxis }: Plotted, parent: HTMLElement) {
  const colour = (name: string) => colourOf(parent, name);
  const [text, grid] = [colour('--text-soft'), colour('--line')];
  const drawn = kind === 'bars' ? stacked(series) : series.map(({ values }) => values);
  const halfStep = STEP_MS[step] / 2_000;
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: '12px system-ui' };
  const options: uPlot.Options = {
    width: parent.clientWidth,
    height: HEIGHT,
    padding: [8, 16, 0, 0],
    // Steps are UTC's, as days of bills are.
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    cursor: { y: false, points: { show: kind === 'lines' } },
    scales: {
      // A step stands in the middle of its bar, and the first and the last have whole ones.
      x: { range: (_, min, max) => [min - halfStep, max + halfStep] },
      y: { range: (_, min, max) => (min < 0 || max > 0 ? [Math.min(0, min * 1.08), Math.max(0, max * 1.08)] : [0, 1]) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 28, values: axisTimes(step) },
      { ...axis, size: widthOf, incrs: STEPS, values: (_, ticks) => ticks.map(formatAxis) },
    ],
    series: [
      { value: (_, at) => (at === null ? '' : `${label(at * 1000, step)} UTC`) },
      ...series.map(({ label: name, values }, n) => {
        const own = colour(`--series-${(n % COLOURS) + 1}`);
        return {
          label: name,
          stroke: own,
          ...(kind === 'bars'
            ? { width: 0, fill: own, paths: bars(), points: { show: false } }
            : { width: 2, points: { size: 5, fill: own } }),
          // Drawn is the sum with those below; told is its own, of the step that is pointed at.
          value: (_: uPlot, __: number, ___: number, at: number | null) => {
            if (at === null) return '';
            const value = values[at] ?? null;
            return value === null ? '–' : format(value);
          },
        };
      }),
    ],
    // The tallest, which is all of them, behind.
    ...(kind === 'bars' && { drawOrder: ['axes', 'series'] as uPlot.DrawOrderKey[] }),
  };
  const order = kind === 'bars' ? series.map((_, n) => n).reverse() : series.map((_, n) => n);
  return {
    options: {
      ...options,
      series: [options.series[0] as uPlot.Series, ...order.map((n) => options.series[n + 1] as uPlot.Series)],
    },
    data: [times.map((time) => time / 1000), ...order.map((n) => drawn[n] ?? [])] as uPlot.AlignedData,
  };
}

function bars(): uPlot.Series.PathBuilder {
  if (!uPlot.paths.bars) throw new Error('uPlot was built without bars.');
  return uPlot.paths.bars({ size: [0.75, 48], radius: 0.1 });
}

/** As wide as its longest value, and no less than others, so that plots stand below each other. */
function widthOf(_: uPlot, values: readonly string[] | null): number {
  return Math.max(64, ...(values ?? []).map(({ length }) => 12 + 7 * length));
}

/** Each series upon those before it. */
function stacked(series: readonly Series[]): number[][] {
  const sums: number[] = [];
  return series.map(({ values }) => values.map((value, n) => (sums[n] = (sums[n] ?? 0) + (value ?? 0))));
}

const hourOf = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
const dayOf = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

function axisTimes(step: Span['step']): uPlot.Axis.Values {
  return (_, ticks) =>
    ticks.map((tick) => {
      const at = new Date(tick * 1000);
      return step === 'day' || at.getUTCHours() + at.getUTCMinutes() === 0 ? dayOf.format(at) : hourOf.format(at);
    });
}

/** `26 Nov`, `26 Nov, 14:00`, both UTC. */
function label(time: number, step: Span['step']): string {
  return step === 'day' ? dayOf.format(time) : `${dayOf.format(time)}, ${hourOf.format(time)}`;
}

/** A colour of style.css as a canvas takes it: of the scheme that is in force there. */
function colourOf(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = '';
  return color;
}

const DARK = matchMedia('(prefers-color-scheme: dark)');

/** Whether it is dark; changes as the person's system does. */
function useScheme(): boolean {
  const [isDark, setDark] = useState(DARK.matches);
  useEffect(() => {
    const follow = () => setDark(DARK.matches);
    DARK.addEventListener('change', follow);
    return () => DARK.removeEventListener('change', follow);
  }, []);
  return isDark;
}
