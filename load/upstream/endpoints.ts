import { type Delivery, sendStream, sendWhole } from './answer.ts';
import { embeddingsBody, embeddingsPlan } from './embeddings.ts';
import type { SimulatedModel } from './models.ts';
import { type Plan, planOf } from './plan.ts';
import type { SimRequest } from './request.ts';
import { finalStatus, outputOf, responseBody } from './responses-body.ts';
import { asChat, type ResponsesRequest } from './responses-request.ts';
import { failedResponse, responsesForm } from './responses-stream.ts';
import { chatForm, completionForm } from './stream-form.ts';
import { chatBody, completionBody } from './wire.ts';

/** The paths at which something is generated. */
export const GENERATING_PATHS = ['/chat/completions', '/completions', '/responses', '/embeddings'];

/** The plan of an endpoint's answer. */
export function planFor(path: string, request: SimRequest, model: SimulatedModel, seed: number, chunks: number): Plan {
  const plan = planOf(path === '/responses' ? asChat(request as ResponsesRequest) : request, model, seed, chunks);
  return path === '/embeddings' ? embeddingsPlan(plan) : plan;
}

/** Sends an endpoint's answer, in its own form. */
export function deliver(delivery: Delivery, path: string, request: SimRequest): Promise<void> {
  const { plan, fault } = delivery;
  const withUsage = fault !== 'no-usage';
  switch (path) {
    case '/embeddings':
      return sendWhole(delivery, embeddingsBody(plan, request, withUsage));
    case '/responses':
      return deliverResponse(delivery, request as ResponsesRequest, withUsage);
    case '/completions':
      return request.stream
        ? sendStream(delivery, completionForm(plan))
        : sendWhole(delivery, completionBody(plan, plan.pieces.join(''), plan.finish, withUsage));
    default:
      return request.stream ? sendStream(delivery, chatForm(plan)) : sendWhole(delivery, chatBody(plan, withUsage));
  }
}

function deliverResponse(delivery: Delivery, request: ResponsesRequest, withUsage: boolean): Promise<void> {
  const { plan, fault } = delivery;
  if (request.stream) return sendStream(delivery, responsesForm(plan, request));
  const ending = { status: finalStatus(plan), output: outputOf(plan), error: null, withUsage };
  return sendWhole(delivery, responseBody(plan, request, ending), failedResponse(plan, request, fault));
}
