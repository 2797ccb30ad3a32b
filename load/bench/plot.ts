import { writeFileSync } from 'node:fs';
import { BarChart } from 'echarts/charts';
import { GridComponent, TitleComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Machine } from './machine.ts';
import type { Figures } from './relay-report.ts';
import { readResult } from './results.ts';

use([BarChart, GridComponent, TitleComponent, SVGRenderer]);

/** Lengths of the picture, pixels: its title, the names beside the bars, a group's name and space, a bar. */
const WIDTH = 860;
const TOP = 64;
const NAMES = 270;
const HEADING = 40;
const BAR = 24;
const INK = '#333333';
/** Readable on white for those who do not see all colours (Okabe and Ito's). */
const COLOURS = ['#999999', '#0072b2', '#56b4e9', '#d55e00'];

const CONTESTANTS = {
  passthrough: 'bare passthrough',
  gateway: 'gateway, everything on',
  stubbed: 'gateway, its queues and limiter stubbed',
  inline: 'the same job inline',
} as const;
const WORKLOADS = { stream_100: 'stream of 100 chunks', stream_1000: 'stream of 1,000 chunks', json: 'JSON' } as const;

interface RelayResult {
  machine: Machine;
  figures: Figures[];
}

interface LedgerResult {
  machine: Machine;
  sizes: { rows: number; events_per_s: number; event_by_event_per_s: number; row_by_row_per_s: number }[];
}

/** Bars in groups. */
interface Plot {
  title: string;
  unit: string;
  machine: Machine;
  groups: readonly string[];
  series: readonly { name: string; values: readonly number[] }[];
}

/** Draws what `npm run bench` saved, as SVG beside it. */
export function drawAll(): string[] {
  const relay = readResult<RelayResult>('relay');
  const ledger = readResult<LedgerResult>('ledger');
  return [
    draw('relay-cpu', cpuPlot(relay)),
    draw('relay-first-byte', firstBytePlot(relay)),
    draw('ledger', ledgerPlot(ledger)),
  ];
}

function cpuPlot({ machine, figures }: RelayResult): Plot {
  return { title: 'CPU time a request', unit: 'ms', machine, ...byContestant(figures, ({ cpu_ms }) => cpu_ms) };
}

function firstBytePlot({ machine, figures }: RelayResult): Plot {
  return {
    title: 'Time to the first byte (of JSON: to the last), one request after the other, median',
    unit: 'ms',
    machine,
    ...byContestant(figures, ({ first_byte_p50_ms }) => first_byte_p50_ms),
  };
}

function byContestant(figures: readonly Figures[], value: (one: Figures) => number): Pick<Plot, 'groups' | 'series'> {
  const workloads = Object.keys(WORKLOADS) as (keyof typeof WORKLOADS)[];
  return {
    groups: workloads.map((name) => WORKLOADS[name]),
    series: Object.entries(CONTESTANTS).map(([contestant, name]) => ({
      name,
      values: workloads.map((workload) => {
        const found = figures.find((one) => one.workload === workload && one.contestant === contestant);
        return found ? value(found) : Number.NaN;
      }),
    })),
  };
}

function ledgerPlot({ machine, sizes }: LedgerResult): Plot {
  return {
    title: 'Usage events into the ledger',
    unit: 'events a second',
    machine,
    groups: sizes.map(({ rows }) => `${rows.toLocaleString('en')} rows there`),
    series: [
      { name: 'row by row', values: sizes.map((size) => size.row_by_row_per_s) },
      { name: 'consumer, batches of 100', values: sizes.map((size) => size.events_per_s) },
      { name: 'event by event, each in one batch', values: sizes.map((size) => size.event_by_event_per_s) },
    ],
  };
}

function draw(name: string, plot: Plot): string {
  const height = TOP + plot.groups.length * groupHeight(plot);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption(optionsOf(plot));
  const path = `docs/bench/${name}.svg`;
  writeFileSync(path, `${chart.renderToSVGString()}\n`);
  chart.dispose();
  return path;
}

function groupHeight({ series }: Plot): number {
  return HEADING + series.length * BAR;
}

/** A panel a group, each with a scale of its own that begins at 0: lengths within one can be compared. */
function optionsOf(plot: Plot): EChartsCoreOption {
  const { title, unit, machine, groups, series } = plot;
  const { cpu, cores, memory_gib, workerd, date } = machine;
  const tops = groups.map((_, n) => TOP + n * groupHeight(plot));
  return {
    animation: false,
    backgroundColor: '#ffffff',
    title: [
      {
        text: `${title}, ${unit}`,
        subtext: `${cpu}, ${cores} cores, ${memory_gib} GiB, workerd ${workerd}, ${date.slice(0, 10)}`,
        left: 12,
        top: 8,
        textStyle: { fontSize: 15 },
      },
      ...groups.map((text, n) => ({ text, left: 12, top: tops[n], textStyle: { fontSize: 13, color: INK } })),
    ],
    grid: tops.map((top) => ({ left: NAMES, right: 90, top: top + 22, height: series.length * BAR })),
    xAxis: groups.map((_, gridIndex) => ({ type: 'value', gridIndex, min: 0, show: false })),
    yAxis: groups.map((_, gridIndex) => ({
      ...{ type: 'category', gridIndex, inverse: true, data: series.map(({ name }) => name) },
      ...{ axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: INK, fontSize: 12 } },
    })),
    series: groups.map((_, n) => ({
      ...{ type: 'bar', xAxisIndex: n, yAxisIndex: n, barCategoryGap: '25%' },
      label: { show: true, position: 'right', color: INK, fontSize: 12 },
      data: series.map(({ values }, at) => ({ value: values[n], itemStyle: { color: COLOURS[at] } })),
    })),
  };
}
