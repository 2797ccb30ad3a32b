import { globSync, readFileSync } from 'node:fs';

/** A Markdown file as far as tests look at it. Line numbers are from 1. */
export interface Markdown {
  /** Below the project's folder. */
  path: string;
  /** What its headings are linked by. */
  anchors: ReadonlySet<string>;
  links: readonly Link[];
  /** Inline code. */
  codes: readonly string[];
  blocks: readonly Block[];
  tables: readonly Table[];
}

interface Link {
  target: string;
  line: number;
}

/** Fenced code. */
export interface Block {
  /** Behind the fence; '' for none. */
  language: string;
  lines: readonly string[];
  /** Of its first line. */
  line: number;
  /** The text between it and the heading above. */
  before: string;
}

/** Cells as they are written. */
interface Table {
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

const FENCE = /^\s*```(\w*)/;
const HEADING = /^#{1,6} +(.+?)\s*$/;
const CODE = /`([^`]+)`/g;
const LINK = /\]\(([^()\s]+)(?: "[^"]*")?\)|(?:src|href)="([^"]+)"/g;
const DELIMITERS = /^\|(?: *:?-+:? *\|)+$/;

/** The project's Markdown files that match any of the globs, by path. */
export function markdownFiles(...globs: readonly string[]): Markdown[] {
  return globSync([...globs], { exclude: (path) => path.includes('node_modules') })
    .toSorted()
    .map((path) => parseMarkdown(path, readFileSync(path, 'utf8')));
}

/** Reads the Markdown that this project writes: ATX headings, fenced code, inline links, tables with outer bars. */
function parseMarkdown(path: string, text: string): Markdown {
  const anchors = new Set<string>();
  const links: Link[] = [];
  const codes: string[] = [];
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: (Block & { lines: string[] }) | null = null;
  let before: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (open && fence) open = null;
    else if (open) open.lines.push(line);
    else if (fence) {
      open = { language: fence[1] ?? '', lines: [], line: index + 2, before: before.join('\n') };
      blocks.push(open);
    } else {
      const heading = HEADING.exec(line)?.[1];
      if (heading !== undefined) {
        anchors.add(free(slug(heading), anchors));
        before = [];
      } else before.push(line);
      codes.push(...[...line.matchAll(CODE)].map(([, code = '']) => code));
      for (const [, target, attribute] of line.replaceAll(CODE, '').matchAll(LINK)) {
        links.push({ target: target ?? attribute ?? '', line: index + 1 });
      }
    }
    prose.push(open || fence ? '' : line);
  }
  return { path, anchors, links, codes, blocks, tables: tablesOf(prose) };
}

/** GitHub's name of a heading: lower case, without punctuation, hyphens for spaces. */
function slug(heading: string): string {
  return heading
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-');
}

/** GitHub numbers the names that come again. */
function free(name: string, taken: ReadonlySet<string>): string {
  let unique = name;
  for (let n = 1; taken.has(unique); n += 1) unique = `${name}-${n}`;
  return unique;
}

function tablesOf(lines: readonly string[]): Table[] {
  return lines.flatMap((line, index) => {
    if (!DELIMITERS.test(line)) return [];
    const end = lines.findIndex((later, at) => at > index && !later.startsWith('|'));
    const rows = lines.slice(index + 1, end < 0 ? lines.length : end).map(cellsOf);
    return [{ head: cellsOf(lines[index - 1] ?? ''), rows }];
  });
}

/** A bar within a cell is written `\|`. */
function cellsOf(line: string): string[] {
  return line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}
