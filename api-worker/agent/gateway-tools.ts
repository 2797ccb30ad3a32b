import { ApiError } from '../http/errors.ts';
import type { GatewayTool } from './gateway-tool.ts';
import { GATEWAY, gatewayNameOf } from './tool-name.ts';
import { calculator } from './tools/calculator.ts';
import { currentTime } from './tools/current-time.ts';
import { weather } from './tools/weather.ts';

/** All tools that the gateway runs. */
const GATEWAY_TOOLS: readonly GatewayTool[] = [calculator, currentTime, weather];

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
    const asksFor = gatewayNameOf(type);
    if (asksFor === null) continue;
    const found = GATEWAY_TOOLS.find(({ name }) => name === asksFor);
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

function unknownTool(type: string, param: string): ApiError {
  const known = GATEWAY_TOOLS.map(({ name }) => `'${GATEWAY}${name}'`).join(', ');
  return new ApiError(400, {
    message: `Invalid value for '${param}': '${type.slice(0, 64)}'. The gateway's tools are: ${known}.`,
    param,
    code: 'invalid_value',
  });
}
