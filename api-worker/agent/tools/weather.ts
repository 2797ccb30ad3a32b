import * as z from 'zod';
import { gatewayTool } from '../gateway-tool.ts';

/** For both calls together. */
const TIMEOUT_MS = 5_000;
const Found = z.object({
  results: z
    .array(z.object({ name: z.string(), country: z.string().optional(), latitude: z.number(), longitude: z.number() }))
    .default([]),
});
const Forecast = z.object({
  current: z.object({
    time: z.string(),
    temperature_2m: z.number(),
    apparent_temperature: z.number(),
    relative_humidity_2m: z.number(),
    precipitation: z.number(),
    wind_speed_10m: z.number(),
    weather_code: z.number(),
  }),
});

/** WMO code table 4677, as far as Open-Meteo uses it: the lowest code of each kind. */
const KINDS: readonly (readonly [number, string])[] = [
  [95, 'thunderstorm'],
  [85, 'snow showers'],
  [80, 'rain showers'],
  [71, 'snow'],
  [61, 'rain'],
  [51, 'drizzle'],
  [45, 'fog'],
  [3, 'overcast'],
  [1, 'partly cloudy'],
  [0, 'clear'],
];

/** Open-Meteo: no key, no account (https://open-meteo.com/en/docs). */
export const weather = gatewayTool({
  name: 'weather',
  description: 'Tells the current weather of a place: temperature in °C, wind in km/h, precipitation in mm.',
  input: z.object({ city: z.string().min(1).max(128).describe('A place, such as Zürich or Paris, Texas.') }),
  async run({ city }, { env, signal }) {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const { results } = Found.parse(
      await read(`${env.WEATHER_GEOCODING_URL}/v1/search?count=1&format=json&name=${encodeURIComponent(city)}`, inTime),
    );
    const [place] = results;
    if (!place) return { error: `There is no place named '${city}'.` };
    const query = new URLSearchParams({
      latitude: String(place.latitude),
      longitude: String(place.longitude),
      current: Object.keys(Forecast.shape.current.shape).slice(1).join(','),
    });
    const { current } = Forecast.parse(await read(`${env.WEATHER_FORECAST_URL}/v1/forecast?${query}`, inTime));
    return {
      place: [place.name, place.country].filter(Boolean).join(', '),
      observed_at: `${current.time}Z`,
      conditions: KINDS.find(([code]) => current.weather_code >= code)?.[1] ?? 'unknown',
      temperature_c: current.temperature_2m,
      feels_like_c: current.apparent_temperature,
      humidity_percent: current.relative_humidity_2m,
      precipitation_mm: current.precipitation,
      wind_kmh: current.wind_speed_10m,
    };
  },
});

async function read(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal, headers: { accept: 'application/json' } }).catch(() => null);
  if (!response?.ok) {
    await response?.body?.cancel();
    throw new Error('The weather service does not answer at the moment.');
  }
  return response.json();
}
