import { usdToNano } from '../../shared/money.ts';
import type { Usage } from './chunks.ts';

/**
 * The sum of usages, member by member. Costs are summed as the ledger does, in nano-dollars: as doubles
 * they would not add up.
 */
export function sumUsage(usages: readonly Usage[]): Usage {
  return usages.reduce<Usage>((sum, usage) => add(sum, usage), {});
}

function add(sum: Usage, usage: Usage): Usage {
  const total = { ...sum };
  for (const [name, value] of Object.entries(usage)) {
    const before = total[name];
    if (typeof value === 'number') {
      const known = typeof before === 'number' ? before : 0;
      total[name] = name.endsWith('cost') ? addUsd(known, value) : known + value;
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      total[name] = add((before ?? {}) as Usage, value as Usage);
    } else total[name] ??= value;
  }
  return total;
}

function addUsd(a: number, b: number): number {
  const [nanoA, nanoB] = [usdToNano(a), usdToNano(b)];
  return nanoA === null || nanoB === null ? a + b : (nanoA + nanoB) / 1e9;
}
