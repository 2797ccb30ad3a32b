import type { AppContext, Env } from '../env.ts';
import { ApiError, unavailable } from '../http/errors.ts';
import { ownNames } from '../upstream/candidates.ts';
import { modelList } from '../upstream/model-list.ts';
import { modelNamed, type UpstreamModel } from '../upstream/upstream-model.ts';

/** GET /v1/models: the tiers and aliases of this gateway, then every model of the upstream, in OpenAI's shape. */
export async function listModels(c: AppContext): Promise<Response> {
  return c.json({ object: 'list', data: await readModels(c) });
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
  return c.json(model);
}

async function readModels(c: AppContext): Promise<ReturnType<typeof openAiModel>[]> {
  try {
    const models = await modelList(c.env, (work) => c.executionCtx.waitUntil(work));
    return [...ownModels(c.env, models), ...models].map(openAiModel);
  } catch (cause) {
    throw unavailable('The list of models cannot be read at the moment. Please try again.', cause);
  }
}

/** Those behind which a model is alive, as old as the newest of them. */
function ownModels(env: Env, models: readonly UpstreamModel[]): Pick<UpstreamModel, 'id' | 'created'>[] {
  return [...ownNames(env)].flatMap(([id, behind]) => {
    const alive = behind.flatMap((name) => modelNamed(name, models) ?? []);
    return alive.length > 0 ? [{ id, created: Math.max(...alive.map(({ created }) => created)) }] : [];
  });
}

function openAiModel({ id, created }: Pick<UpstreamModel, 'id' | 'created'>) {
  const [owner = id, ...name] = id.split('/');
  return { id, object: 'model', created, owned_by: name.length > 0 ? owner : 'gateway' };
}
