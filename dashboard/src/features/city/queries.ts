import { queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";

export const RANGES = ["24h", "7d", "30d", "1y"] as const;
export type Range = (typeof RANGES)[number];

const HISTORY = {
  "24h": { hours: 24, interval: "hour" },
  "7d": { days: 7, interval: "hour" },
  "30d": { days: 30, interval: "hour" },
  "1y": { days: 365, interval: "day" },
} as const;

/** What changes once an hour is polled; what changes once a day is not. */
const HOUR = 3_600_000;

export const pollutantsQuery = (city: string) =>
  queryOptions({
    queryKey: ["pollutants", city],
    queryFn: ({ signal }) => read(api.GET("/aqi/pollutants/{city}", { params: { path: { city } }, signal })),
    meta: { changes: { kinds: ["hours"], cities: [city] } },
  });

export const explanationQuery = (city: string) =>
  queryOptions({
    queryKey: ["explanation", city],
    queryFn: ({ signal }) =>
      read(api.GET("/aqi/current/{city}", { params: { path: { city }, query: { explain: true } }, signal })),
    meta: { changes: { kinds: ["hours"], cities: [city] } },
  });

export const forecastQuery = (city: string) =>
  queryOptions({
    queryKey: ["forecast", city],
    queryFn: ({ signal }) => read(api.GET("/forecast/{city}", { params: { path: { city } }, signal })),
    meta: { changes: { kinds: ["forecast"], cities: [city] } },
  });

export const expertsQuery = (city: string) =>
  queryOptions({
    queryKey: ["experts", city],
    queryFn: ({ signal }) => read(api.GET("/forecast/{city}", { params: { path: { city }, query: { explain: true } }, signal })),
    meta: { changes: { kinds: ["forecast", "model"], cities: [city] } },
  });

export const historyQuery = (city: string, range: Range) =>
  queryOptions({
    queryKey: ["history", city, range],
    queryFn: ({ signal }) => read(api.GET("/aqi/history/{city}", { params: { path: { city }, query: HISTORY[range] }, signal })),
    meta: { changes: { kinds: ["hours"], cities: [city] } },
    // A year of days or a month of hours is read again only when the page is opened anew.
    ...(range === "24h" || range === "7d" ? {} : { staleTime: HOUR, refetchInterval: HOUR }),
  });

/** Address of the same hours as a file. */
export function historyFile(city: string, range: Range): string {
  const query = new URLSearchParams(Object.entries({ ...HISTORY[range], format: "csv" }).map(([key, value]) => [key, String(value)]));
  return `/api/v1/aqi/history/${encodeURIComponent(city)}?${query}`;
}

export const confidenceQuery = (city: string) =>
  queryOptions({
    queryKey: ["confidence", city],
    queryFn: ({ signal }) => read(api.GET("/forecast/confidence/{city}", { params: { path: { city } }, signal })),
    staleTime: HOUR,
    refetchInterval: HOUR,
  });
