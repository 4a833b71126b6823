import type { Forecast, HourHistory, Pollutants } from "../../shared/api/schema";

const HOUR = 3_600_000;
/** Full hours of the Indian grid around now: what is drawn depends on the clock of the page. */
export const LAST_HOUR = Math.floor((Date.now() - HOUR / 2) / HOUR) * HOUR + HOUR / 2;
const iso = (time: number) => new Date(time).toISOString().replace(".000Z", "Z");

export function pollutants(changes: Partial<Pollutants> = {}): Pollutants {
  return {
    city: "Delhi",
    state: "Delhi",
    aqi: 356,
    category: "Very Poor",
    standard: "in-naqi",
    dominant_pollutant: "pm25",
    withheld: null,
    timestamp: iso(LAST_HOUR),
    age_minutes: 12,
    stale: false,
    source: "cpcb-feed",
    basis: "measured",
    stations: 38,
    flags: [],
    simulated: false,
    pollutants: {
      pm25: {
        concentration: 224.9,
        unit: "µg/m³",
        sub_index: 356,
        category: "Very Poor",
        window: "24 h mean",
        window_mean: 193.23,
        hours_present: 24,
        hours_required: 16,
        hours_window: 24,
        dominant: true,
        withheld: null,
      },
      co: {
        concentration: 1.78,
        unit: "mg/m³",
        sub_index: null,
        category: null,
        window: "8 h mean",
        window_mean: null,
        hours_present: 4,
        hours_required: 6,
        hours_window: 8,
        dominant: false,
        withheld: "4 of 8 hours present, 6 needed",
      },
    },
    ...changes,
  };
}

export function forecast(changes: Partial<Forecast> = {}): Forecast {
  const origin = changes.origin === undefined ? LAST_HOUR : Date.parse(changes.origin);
  return {
    city: "Delhi",
    state: "Delhi",
    standard: "in-naqi",
    target: "aqi",
    issued_at: iso(origin + HOUR / 4),
    origin: iso(origin),
    known_until: iso(origin),
    stale: false,
    model: { version: "delhi-aqi-linear-1", family: "linear" },
    naive: false,
    basis: "measured",
    source: "cpcb-feed",
    simulated: false,
    record: "/api/v1/record/scores/delhi?lead=24&season=ON",
    hours: 48,
    forecast: Array.from({ length: 48 }, (_, index) => {
      const lead = index + 1;
      const aqi = lead === 20 ? 388 : 320;
      return {
        time: iso(origin + lead * HOUR),
        lead_hours: lead,
        aqi,
        category: "Very Poor",
        confidence: 0.8,
        lower_80: aqi - lead,
        upper_80: aqi + lead,
        lower_95: aqi - 2 * lead,
        upper_95: aqi + 2 * lead,
        probabilities: { Good: 0, Satisfactory: 0, Moderate: 0, Poor: 0.2, "Very Poor": 0.8, Severe: 0 },
        exceedance: { "200": 1, "300": 0.8, "400": lead === 20 ? 0.26 : 0 },
        pm25: { value: 200.5, lower_80: 190, upper_80: 215.5, lower_95: 180, upper_95: 230 },
      };
    }),
    ...changes,
  };
}

/** The last `hours` hours; those in `missing`, counted from the oldest, are not known. */
export function history(hours: number, missing: number[] = []): HourHistory {
  const times = Array.from({ length: hours }, (_, index) => LAST_HOUR - (hours - 1 - index) * HOUR);
  const points = times
    .filter((_, index) => !missing.includes(index))
    .map((time, index) => ({
      time: iso(time),
      aqi: 300 + (index % 50),
      category: "Very Poor",
      dominant_pollutant: "pm25",
      basis: "measured",
      source: "cpcb-feed",
      flags: [],
      pollutants: { pm25: 150.5, co: 1.2 },
    }));
  return {
    interval: "hour",
    city: "Delhi",
    state: "Delhi",
    standard: "in-naqi",
    start: iso(LAST_HOUR - hours * HOUR),
    end: iso(LAST_HOUR),
    count: points.length,
    expected: hours,
    units: { pm25: "µg/m³", co: "mg/m³" },
    simulated: false,
    points,
  };
}
