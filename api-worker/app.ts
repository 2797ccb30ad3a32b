import { Hono } from 'hono';
import { authenticate } from './auth/authenticate.ts';
import type { App } from './env.ts';
import { crossOrigin, securityHeaders } from './http/browser.ts';
import { errorResponse, toApiError } from './http/errors.ts';
import { limitBody, requireJson } from './http/json-body.ts';
import { requestLog } from './http/log.ts';
import { onlyMethods, unknownUrl } from './http/not-found.ts';
import { requestId } from './http/request-id.ts';
import { rateLimits } from './limits/admission.ts';
import { reportUnexpected } from './metering/exceptions.ts';
import { listAccountComparisons } from './routes/admin/account-comparisons.ts';
import { listAlerts } from './routes/admin/alerts.ts';
import { listAuditLog } from './routes/admin/audit-log.ts';
import { billing } from './routes/admin/billing.ts';
import {
  discardDeadLetters,
  listDeadLetters,
  replayDeadLetters,
  retrieveDeadLetter,
  summarizeDeadLetters,
} from './routes/admin/dead-letters.ts';
import { createKey, listKeys, retrieveKey, revokeKey, rotateKey, updateKey } from './routes/admin/keys.ts';
import { latency } from './routes/admin/latency.ts';
import { listLedgerArchives, restoreLedgerArchive } from './routes/admin/ledger-archives.ts';
import { listPrices, setPrice } from './routes/admin/prices.ts';
import { rerate } from './routes/admin/rerate.ts';
import { listTiers, updateTier } from './routes/admin/tiers.ts';
import { upstream } from './routes/admin/upstream.ts';
import { createUser, listUsers, retrieveUser, updateUser } from './routes/admin/users.ts';
import { clearCache } from './routes/cache.ts';
import { chatCompletions } from './routes/chat-completions.ts';
import { completions } from './routes/completions.ts';
import { dashboard, dashboardScript, dashboardStyles } from './routes/dashboard.ts';
import { docs, docsInit, docsScalar } from './routes/docs.ts';
import { embeddings } from './routes/embeddings.ts';
import { health } from './routes/health.ts';
import { key } from './routes/key.ts';
import { listModels, retrieveModel } from './routes/models.ts';
import { openApi } from './routes/openapi.ts';
import { completionsUsage, costs } from './routes/organization.ts';
import { responses } from './routes/responses.ts';
import { usageLatency } from './routes/usage/latency.ts';
import { receipt } from './routes/usage/receipt.ts';
import { listRequests } from './routes/usage/requests.ts';
import { usage } from './routes/usage.ts';

/** Middleware and routes in the order in which a request meets them. */
export const app = new Hono<App>();

app.use(requestId, requestLog, securityHeaders, crossOrigin);

app.get('/health', health).all(onlyMethods('GET'));
app.get('/openapi.json', openApi).all(onlyMethods('GET'));
app.get('/docs', docs).all(onlyMethods('GET'));
app.get('/docs/scalar.js', docsScalar).all(onlyMethods('GET'));
app.get('/docs/init.js', docsInit).all(onlyMethods('GET'));
app.get('/dashboard', dashboard).all(onlyMethods('GET'));
app.get('/dashboard/main.js', dashboardScript).all(onlyMethods('GET'));
app.get('/dashboard/main.css', dashboardStyles).all(onlyMethods('GET'));

// Before authentication, so that a refusal of it, too, tells a known caller how the limits stand.
app.use('/v1/*', rateLimits).use('/usage/*', rateLimits).use('/admin/*', rateLimits);

for (const [path, answer] of [
  ['/v1/chat/completions', chatCompletions],
  ['/v1/completions', completions],
  ['/v1/responses', responses],
  ['/v1/embeddings', embeddings],
] as const) {
  app.post(path, authenticate('write'), limitBody, requireJson, answer).all(onlyMethods('POST'));
}
app.delete('/v1/cache', authenticate('write'), clearCache).all(onlyMethods('DELETE'));
app.get('/v1/models', authenticate('read'), listModels).all(onlyMethods('GET'));
app.get('/v1/models/:id{.+}', authenticate('read'), retrieveModel).all(onlyMethods('GET'));
app.get('/v1/key', authenticate('any'), key).all(onlyMethods('GET'));
for (const path of ['/usage', '/v1/usage'] as const) {
  app.get(path, authenticate('read'), usage).all(onlyMethods('GET'));
  app.get(`${path}/latency`, authenticate('read'), usageLatency).all(onlyMethods('GET'));
  app.get(`${path}/requests`, authenticate('read'), listRequests).all(onlyMethods('GET'));
  app.get(`${path}/requests/:id`, authenticate('read'), receipt).all(onlyMethods('GET'));
}

app.get('/v1/organization/usage/completions', authenticate('admin'), completionsUsage).all(onlyMethods('GET'));
app.get('/v1/organization/costs', authenticate('admin'), costs).all(onlyMethods('GET'));

app.use('/admin/*', authenticate('admin'), limitBody);
app.on(['POST', 'PATCH'], '/admin/*', requireJson);
app.get('/admin/users', listUsers).post(createUser).all(onlyMethods('GET', 'POST'));
app.get('/admin/users/:id', retrieveUser).patch(updateUser).all(onlyMethods('GET', 'PATCH'));
app.post('/admin/users/:id/keys', createKey).all(onlyMethods('POST'));
app.get('/admin/keys', listKeys).all(onlyMethods('GET'));
app
  .get('/admin/keys/:id', retrieveKey)
  .patch(updateKey)
  .delete(revokeKey)
  .all(onlyMethods('GET', 'PATCH', 'DELETE'));
app.post('/admin/keys/:id/rotate', rotateKey).all(onlyMethods('POST'));
app.get('/admin/tiers', listTiers).all(onlyMethods('GET'));
app.patch('/admin/tiers/:id', updateTier).all(onlyMethods('PATCH'));
app.get('/admin/prices', listPrices).post(setPrice).all(onlyMethods('GET', 'POST'));
app.post('/admin/rerate', rerate).all(onlyMethods('POST'));
app.get('/admin/audit-log', listAuditLog).all(onlyMethods('GET'));
app.get('/admin/ledger-archives', listLedgerArchives).all(onlyMethods('GET'));
app.post('/admin/ledger-archives/:id{.+}/restore', restoreLedgerArchive).all(onlyMethods('POST'));
app.get('/admin/dead-letters', listDeadLetters).all(onlyMethods('GET'));
app.get('/admin/dead-letters/summary', summarizeDeadLetters).all(onlyMethods('GET'));
app.post('/admin/dead-letters/replay', replayDeadLetters).all(onlyMethods('POST'));
app.post('/admin/dead-letters/discard', discardDeadLetters).all(onlyMethods('POST'));
app.get('/admin/dead-letters/:id', retrieveDeadLetter).all(onlyMethods('GET'));
app.get('/admin/billing', billing).all(onlyMethods('GET'));
app.get('/admin/latency', latency).all(onlyMethods('GET'));
app.get('/admin/alerts', listAlerts).all(onlyMethods('GET'));
app.get('/admin/account-comparisons', listAccountComparisons).all(onlyMethods('GET'));
app.get('/admin/upstream', upstream).all(onlyMethods('GET'));

app.notFound(unknownUrl);
app.onError((error, c) => {
  reportUnexpected(c, error);
  return errorResponse(toApiError(error));
});
