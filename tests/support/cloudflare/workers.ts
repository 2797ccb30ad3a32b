import { randomUUID } from 'node:crypto';
import { Refusal, type Routes } from './api.ts';

/** A Worker: its versions, and its deployments, the latest first. */
export interface Script {
  versions: string[];
  deployments: { id: string; created_on: string; versions: { version_id: string; percentage: number }[] }[];
  secrets: string[];
  /** Of the last Durable Object migration that was applied. */
  migration_tag: string | undefined;
  crons: object[];
}

/** The routes of Workers. */
export function scriptRoutes(scripts: Map<string, Script>): Routes {
  const find = (name = '') => {
    const script = scripts.get(name);
    if (!script) throw new Refusal(404, 10_007, 'This Worker does not exist on your account.');
    return script;
  };
  return { ...uploadRoutes(scripts, find), ...deploymentRoutes(find), ...settingRoutes(find) };
}

type Find = (name: string | undefined) => Script;

/** Uploads: a first one, or one with a migration, is deployed at once; else a version is added. */
function uploadRoutes(scripts: Map<string, Script>, find: Find): Routes {
  return {
    'PUT /workers/scripts/([^/]+)': ({ params: [name = ''], body }) => {
      const script = scripts.get(name) ?? {
        ...{ versions: [], deployments: [], secrets: [], migration_tag: undefined, crons: [] },
      };
      scripts.set(name, script);
      script.migration_tag = /"new_tag":"(\w+)"/.exec(body.toString('latin1'))?.[1] ?? script.migration_tag;
      const id = addVersion(script);
      script.deployments.unshift(deployment([{ version_id: id, percentage: 100 }]));
      return { id: name, deployment_id: id.replaceAll('-', ''), startup_time_ms: 10, etag: 'etag' };
    },
    'POST /workers/scripts/([^/]+)/versions': ({ params: [name] }) => version(addVersion(find(name))),
    'POST /workers/scripts/([^/]+)/assets-upload-session': () => ({ buckets: [], jwt: 'assets' }),
  };
}

function deploymentRoutes(find: Find): Routes {
  return {
    'GET /workers/scripts/([^/]+)/versions': ({ params: [name] }) => ({ items: find(name).versions.map(version) }),
    'GET /workers/scripts/([^/]+)/versions/([^/]+)': ({ params: [name, id = ''] }) => {
      if (!find(name).versions.includes(id)) throw new Refusal(404, 10_092, 'The version was not found');
      return version(id);
    },
    'GET /workers/scripts/([^/]+)/deployments': ({ params: [name] }) => ({ deployments: find(name).deployments }),
    'POST /workers/scripts/([^/]+)/deployments': ({ params: [name], body }) => {
      const { versions } = JSON.parse(body.toString()) as Pick<Script['deployments'][number], 'versions'>;
      const created = deployment(versions);
      find(name).deployments.unshift(created);
      return created;
    },
  };
}

/** What is asked and set around an upload. */
function settingRoutes(find: Find): Routes {
  return {
    'GET /workers/services/([^/]+)': ({ params: [name] }) => {
      const { migration_tag } = find(name);
      const script = { tag: 'tag', tags: null, migration_tag, last_deployed_from: 'wrangler' };
      return { default_environment: { environment: 'production', script } };
    },
    'GET /workers/scripts/([^/]+)/secrets': ({ params: [name] }) =>
      find(name).secrets.map((secret) => ({ name: secret, type: 'secret_text' })),
    'PUT /workers/scripts/([^/]+)/schedules': ({ params: [name], body }) => {
      find(name).crons = JSON.parse(body.toString()) as object[];
      return {};
    },
    'GET /workers/workers/([^/]+)': ({ params: [name = ''] }) => ({
      subdomain: { enabled: true, previews_enabled: true, url: `https://${name}.example.workers.dev` },
    }),
    'POST /workers/scripts/([^/]+)/subdomain': () => ({ enabled: true, previews_enabled: true }),
    'PATCH /workers/scripts/([^/]+)/script-settings': () => ({}),
    'GET /workers/subdomain': () => ({ subdomain: 'example' }),
  };
}

function addVersion(script: Script): string {
  const id = randomUUID();
  script.versions.unshift(id);
  return id;
}

function version(id: string) {
  const metadata = { created_on: '2026-11-02T00:00:00Z', source: 'wrangler' };
  const resources = { bindings: [], script: { etag: 'etag' }, script_runtime: {} };
  return { id, number: 1, metadata, annotations: {}, startup_time_ms: 10, resources };
}

function deployment(versions: Script['deployments'][number]['versions']): Script['deployments'][number] {
  return { id: randomUUID(), created_on: new Date().toISOString(), versions };
}
