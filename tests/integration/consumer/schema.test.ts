import { expect, it } from 'vitest';
import { booksOf, readBooks } from './histories.ts';
import {
  applySchema,
  captureLog,
  consume,
  deliveries,
  freshDatabase,
  rows,
  USAGE_QUEUE,
  usageEvents,
} from './support.ts';

it('schema.sql applied a second time changes neither tables nor rows', async () => {
  captureLog();
  await freshDatabase();
  await consume(USAGE_QUEUE, deliveries(usageEvents(3)));
  const before = await rows('SELECT name, sql FROM sqlite_master ORDER BY name');
  await applySchema();
  expect(await rows('SELECT name, sql FROM sqlite_master ORDER BY name')).toEqual(before);
  expect(await readBooks()).toEqual(booksOf(usageEvents(3)));
});
