import type { AppContext } from '../env.ts';
import { asset } from './pages.ts';

/** GET /dashboard, public: a page that asks for a key, and shows what this API says under it. */
export function dashboard(c: AppContext): Promise<Response> {
  return asset(c, '/dashboard/');
}

/** GET /dashboard/main.js */
export function dashboardScript(c: AppContext): Promise<Response> {
  return asset(c, '/dashboard/main.js');
}

/** GET /dashboard/main.css */
export function dashboardStyles(c: AppContext): Promise<Response> {
  return asset(c, '/dashboard/main.css');
}
