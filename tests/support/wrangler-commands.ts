import { experimental_getWranglerCommands } from 'wrangler';

const { registry, globalFlags } = experimental_getWranglerCommands();

type Node = typeof registry;

/**
 * What of the wrangler commands in a shell line wrangler does not know: commands, or their options. Empty: it knows
 * all, or there are none. Nothing is run.
 */
export function unknownToWrangler(line: string): string[] {
  return [...line.matchAll(/\bwrangler ((?:"[^"]*"|[^;&|"])+)/g)].flatMap(([, call = '']) => {
    const words = call
      .replaceAll(/"[^"]*"/g, 'TEXT')
      .trim()
      .split(/\s+/);
    const { node, path } = commandOf(words);
    if (node.definition?.type !== 'command') return [`wrangler ${words.slice(0, path.length + 1).join(' ')}`];
    const flags = Object.entries<object>({ ...globalFlags, ...node.definition.args });
    const known = flags.flatMap(([name, flag]) => ('alias' in flag ? [name, flag.alias].flat() : name));
    return words
      .flatMap((word) => /^--?([a-z][\w-]*)/.exec(word)?.[1] ?? [])
      .filter((option) => !known.includes(option))
      .map((option) => `wrangler ${path.join(' ')} --${option}`);
  });
}

/** The deepest command that the words name, and its path; the words after it are its arguments. */
function commandOf(words: readonly string[]): { node: Node; path: string[] } {
  let node = registry;
  const path: string[] = [];
  for (const word of words) {
    const next = node.subtree.get(word);
    if (!next) break;
    node = next;
    path.push(word);
  }
  return { node, path };
}
