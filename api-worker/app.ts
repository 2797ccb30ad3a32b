import { Hono } from 'hono';
import { authenticate } from './auth/authenticate.ts';
import type { App } from './env.ts';
import { crossOrigin, securityHeaders } from './http/browser.ts';
import { errorResponse, toApiError } from './http/errors.ts';
import { limitBody, requireJson } from './http/json-body.ts';
import { requestLog } from './http/log.ts';
import { onlyMethods, unknownUrl } from './http/not-found.ts';
import { requestId } from './http/request-id.ts';
import { admission } from './limits/admission.ts';
import { chatCompletions } from './routes/chat-completions.ts';
import { health } from './routes/health.ts';
import { listModels, retrieveModel } from './routes/models.ts';
import { usage } from './routes/usage.ts';

/** Middleware and routes in the order in which a request meets them. */
export const app = new Hono<App>();

app.use(requestId, requestLog, securityHeaders, crossOrigin);

app.get('/health', health).all(onlyMethods('GET'));
app
  .post('/v1/chat/completions', authenticate, limitBody, requireJson, admission, chatCompletions)
  .all(onlyMethods('POST'));
app.get('/v1/models', authenticate, listModels).all(onlyMethods('GET'));
app.get('/v1/models/:id{.+}', authenticate, retrieveModel).all(onlyMethods('GET'));
app.get('/usage', authenticate, usage).all(onlyMethods('GET'));
app.get('/v1/usage', authenticate, usage).all(onlyMethods('GET'));

app.notFound(unknownUrl);
app.onError((error) => errorResponse(toApiError(error)));
