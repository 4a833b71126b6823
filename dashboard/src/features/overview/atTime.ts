import type { Overview } from "./queries";

const HOUR = 3_600_000;
/** As the API counts: an hour is stale two hours after its end. */
const STALE = 2 * HOUR;
/** The forecasts of an overview are those of the 24 hours after it. */
const FORECAST = 24 * HOUR;

/**
 * An overview as it reads at another time. One that was kept on the device, or that the service could not renew, may be days old: its
 * hours have become stale meanwhile, and its forecasts have run out.
 */
export function atTime(overview: Overview, now: number): Overview {
  const over = now > Date.parse(overview.as_of) + FORECAST;
  return {
    ...overview,
    cities: overview.cities.map((city) => ({
      ...city,
      latest: city.latest === null ? null : { ...city.latest, stale: city.latest.stale || now - Date.parse(city.latest.timestamp) > STALE },
      forecast: over ? null : city.forecast,
    })),
  };
}

/** Hours since the end of the newest hour of any city; null where no city has one. */
export function newestHours(overview: Overview, now: number): number | null {
  const times = overview.cities.flatMap((city) => (city.latest === null ? [] : [Date.parse(city.latest.timestamp)]));
  return times.length === 0 ? null : Math.floor((now - Math.max(...times)) / HOUR);
}
