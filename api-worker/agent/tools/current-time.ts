import * as z from 'zod';
import { gatewayTool } from '../gateway-tool.ts';

export const currentTime = gatewayTool({
  name: 'current_time',
  description: 'Tells the current date, weekday and time, in a time zone if one is named.',
  input: z.object({
    time_zone: z.string().max(64).default('UTC').describe('An IANA name such as Europe/Zurich.'),
  }),
  async run({ time_zone }) {
    const date = new Date();
    const parts = { dateStyle: 'full', timeStyle: 'long', timeZone: time_zone } as const;
    return { utc: date.toISOString(), time_zone, local: new Intl.DateTimeFormat('en-GB', parts).format(date) };
  },
});
