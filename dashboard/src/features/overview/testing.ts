import type { Overview, OverviewCity } from "./queries";

interface Values {
  aqi?: number;
  peak?: number;
  risk?: number;
  stale?: boolean;
}

/** A city as the API describes it; without `aqi` it has no data, without `peak` no forecast. */
export function city(name: string, { aqi, peak, risk = 0, stale = false }: Values): OverviewCity {
  return {
    name,
    slug: name.toLowerCase(),
    aliases: [`Old ${name}`],
    state: `State of ${name}`,
    latitude: 28.6139,
    longitude: 77.209,
    latest:
      aqi === undefined
        ? null
        : {
            aqi,
            category: "Moderate",
            dominant_pollutant: "pm25",
            timestamp: "2025-11-05T10:30:00Z",
            age_minutes: stale ? 300 : 12,
            stale,
            source: "cpcb",
            basis: "measured",
          },
    trend: aqi === undefined ? null : { end: "2025-11-05T10:30:00Z", aqi: Array.from({ length: 24 }, (_, hour) => (hour === 3 ? null : aqi)) },
    forecast:
      peak === undefined
        ? null
        : {
            issued_at: "2025-11-05T10:41:00Z",
            stale: false,
            naive: false,
            peak: { time: "2025-11-05T16:30:00Z", lead_hours: 6, aqi: peak, category: "Poor", lower_80: peak - 30, upper_80: peak + 40 },
            exceedance: { "200": 1, "300": risk, "400": 0 },
          },
  };
}

export function overview(cities: OverviewCity[], simulated = false): Overview {
  return { standard: "in-naqi", simulated, as_of: "2025-11-05T10:30:00Z", cities };
}
