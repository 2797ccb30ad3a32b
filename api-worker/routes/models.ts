import type { AppContext } from '../env.ts';
import { ApiError, unavailable } from '../http/errors.ts';
import { modelList } from '../upstream/model-list.ts';
import type { UpstreamModel } from '../upstream/upstream-model.ts';

/** GET /v1/models: every model of the upstream in OpenAI's shape. */
export async function listModels(c: AppContext): Promise<Response> {
  const models = await readModels(c);
  return c.json({ object: 'list', data: models.map(openAiModel) });
}

/** GET /v1/models/{id}: ids hold slashes, written as they are or encoded. */
export async function retrieveModel(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const model = (await readModels(c)).find((candidate) => candidate.id === id);
  if (!model) {
    throw new ApiError(404, {
      message: `The model '${id.slice(0, 256)}' does not exist.`,
      param: 'model',
      code: 'model_not_found',
    });
  }
  return c.json(openAiModel(model));
}

async function readModels(c: AppContext): Promise<UpstreamModel[]> {
  try {
    return await modelList(c.env, (work) => c.executionCtx.waitUntil(work));
  } catch (cause) {
    throw unavailable('The list of models cannot be read at the moment. Please try again.', cause);
  }
}

function openAiModel({ id, created }: UpstreamModel) {
  return { id, object: 'model', created, owned_by: id.split('/')[0] ?? id };
}
