import { ApiError } from '../http/errors.ts';
import type { GatewayTool } from './gateway-tool.ts';
import { calculator } from './tools/calculator.ts';
import { currentTime } from './tools/current-time.ts';
import { weather } from './tools/weather.ts';

/** All tools that the gateway runs. */
const GATEWAY_TOOLS: readonly GatewayTool[] = [calculator, currentTime, weather];

const PREFIX = 'gateway:';

/** Tools as a request names them. */
interface RequestedTool {
  type: string;
  function?: unknown;
}

/**
 * The gateway's tools among those of a request, each once.
 *
 * @throws ApiError 400 for one that there is not, or that has the name of one of the client's own.
 */
export function gatewayToolsOf(tools: readonly RequestedTool[]): GatewayTool[] {
  const asked = new Set<GatewayTool>();
  for (const [n, { type }] of tools.entries()) {
    if (!type.startsWith(PREFIX)) continue;
    const found = GATEWAY_TOOLS.find(({ name }) => type === PREFIX + name);
    if (!found) throw unknownTool(type, `tools[${n}].type`);
    asked.add(found);
  }
  const clash = tools.findIndex(({ type, function: own }) => {
    const name = (own as { name?: string } | undefined)?.name;
    return type === 'function' && [...asked].some((tool) => tool.name === name);
  });
  if (clash >= 0) {
    throw new ApiError(400, {
      message: `Invalid 'tools[${clash}].function.name': a tool of the gateway that this request asks for has the same name.`,
      param: `tools[${clash}].function.name`,
      code: 'invalid_value',
    });
  }
  return [...asked];
}

/** Whether a tool is one of the gateway's, and its name; null: it is the client's. */
export function gatewayNameOf(type: string): string | null {
  return type.startsWith(PREFIX) ? type.slice(PREFIX.length) : null;
}

function unknownTool(type: string, param: string): ApiError {
  const known = GATEWAY_TOOLS.map(({ name }) => `'${PREFIX}${name}'`).join(', ');
  return new ApiError(400, {
    message: `Invalid value for '${param}': '${type.slice(0, 64)}'. The gateway's tools are: ${known}.`,
    param,
    code: 'invalid_value',
  });
}
