/** A simulated Open-Meteo, in which the weather is always the same and one place is unknown: Atlantis. */

/** What its geocoding knows of a name. */
export function placesBody(name: string) {
  if (name === 'Atlantis') return { generationtime_ms: 0.1 };
  return { results: [{ id: 1, name, latitude: 47.37, longitude: 8.55, country: 'Switzerland' }] };
}

/** What its forecast says: a number for each of the current values that are asked for. */
export function forecastBody(query: URLSearchParams) {
  const asked = (query.get('current') ?? '').split(',').filter(Boolean);
  return {
    latitude: Number(query.get('latitude')),
    longitude: Number(query.get('longitude')),
    current: { time: '2026-11-01T12:00', ...Object.fromEntries(asked.map((name) => [name, VALUES[name] ?? 1])) },
  };
}

const VALUES: Record<string, number> = { temperature_2m: 12.5, weather_code: 61 };
