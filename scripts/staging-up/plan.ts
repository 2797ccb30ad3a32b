import { isPlaceholder, type Resource } from '../environment.ts';
import type { Account } from './account.ts';

/** What is to be done of a resource. */
export interface Step {
  resource: Resource;
  /** Whether the account lacks it. */
  create: boolean;
  /** What stands in the wrangler files instead of its id. */
  placeholders: string[];
}

/**
 * Compares the resources of an environment with what the account has.
 *
 * @throws Error of one line when the wrangler files bind an id that the account does not have.
 */
export function planOf(resources: readonly Resource[], account: Account): Step[] {
  return resources.map((resource) => {
    const existing = account.get(resource.kind) ?? new Map<string, string>();
    const ids = new Set(existing.values());
    const stray = resource.ids.find((id) => !isPlaceholder(id) && !ids.has(id));
    if (stray !== undefined) {
      throw new Error(`The wrangler files bind ${resource.name} as ${stray}, which this account does not have.`);
    }
    const placeholders = resource.ids.filter(isPlaceholder);
    const bound = placeholders.length < resource.ids.length;
    return { resource, create: !bound && !existing.has(resource.name), placeholders };
  });
}

/** The id that takes the place of a resource's placeholders: the one bound already in the other file, or the account's. */
export function idOf({ ids, kind, name }: Resource, account: Account): string | undefined {
  return ids.find((id) => !isPlaceholder(id)) ?? account.get(kind)?.get(name);
}

/** The text of a wrangler file with an id where a placeholder was, and nothing else changed. */
export function filled(text: string, placeholder: string, id: string): string {
  return text.replaceAll(`"${placeholder}"`, `"${id}"`);
}
