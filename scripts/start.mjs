// Plain JavaScript, because an older Node, on which `npm start` lands before `npm ci`, cannot read TypeScript.
import { existsSync } from 'node:fs';

if (!existsSync(new URL('../node_modules/wrangler', import.meta.url))) {
  console.error('Not installed yet: run `npm ci` first.');
  process.exit(1);
}
await import('./start.ts');
