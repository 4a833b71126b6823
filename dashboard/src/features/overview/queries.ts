import { queryOptions } from "@tanstack/react-query";
import { createApi, read } from "../../shared/api/client";

export interface CityOverview {
  name: string;
  slug: string;
  state: string;
  latitude: number;
  longitude: number;
  latest: {
    aqi: number;
    category: string;
    dominant_pollutant: string | null;
    timestamp: string;
    age_minutes: number;
    stale: boolean;
    basis: string | null;
  } | null;
  /** 24 hours, oldest first; null for an hour without an index. */
  trend: { end: string; aqi: (number | null)[] } | null;
  forecast: {
    issued_at: string;
    stale: boolean;
    naive: boolean;
    /** The highest hour of the next 24. */
    peak: { time: string; lead_hours: number; aqi: number; category: string; lower_80: number; upper_80: number };
    /** Highest hourly probability of an AQI above 200, 300, 400 within the next 24 hours. */
    exceedance: Record<string, number>;
  } | null;
}

export interface Overview {
  standard: string;
  simulated: boolean;
  as_of: string;
  cities: CityOverview[];
}

interface Paths {
  "/overview": {
    get: { parameters: object; responses: { 200: { content: { "application/json": Overview } } } };
  };
}

const api = createApi<Paths>();

export const overviewQuery = queryOptions({
  queryKey: ["overview"],
  queryFn: ({ signal }) => read(api.GET("/overview", { signal })),
});
