interface Env {
  UPSTREAM_BASE_URL: string;
  OPENROUTER_API_KEY: string;
}

/** The least that a worker before an upstream can do: the floor of the comparison. */
export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    return fetch(env.UPSTREAM_BASE_URL + pathname.replace('/v1', ''), {
      method: request.method,
      headers: { authorization: `Bearer ${env.OPENROUTER_API_KEY}`, 'content-type': 'application/json' },
      body: request.body,
    });
  },
} satisfies ExportedHandler<Env>;
