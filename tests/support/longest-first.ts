import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take a minute or more, most of it waiting for others' processes. */
const LONG = ['chaos-billing', 'load', 'chaos-upstream', 'deploy', 'staging-up', 'example-pages'];

/**
 * The long files first. Vitest knows how long files take from the run before, of which there is none in a clean
 * checkout; it begins with the largest then, and the long ones, being small, would be waited for alone at the end.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      LONG.findIndex((name) => moduleId.endsWith(`/e2e/${name}.test.ts`)) + 1 || LONG.length + 1;
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
