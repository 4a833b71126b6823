import { queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";

export const DAYS = [7, 30, 90, 365] as const;
export type Days = (typeof DAYS)[number];

const HOUR = 3_600_000;

export const comparisonQuery = (cities: string[], days: Days) =>
  queryOptions({
    queryKey: ["compare", cities, days],
    queryFn: ({ signal }) => read(api.GET("/cities/compare", { params: { query: { cities, days } }, signal })),
    refetchInterval: HOUR,
    enabled: cities.length > 1,
    meta: { changes: { kinds: ["hours"], cities } },
  });

/** A week of hours of one city; its page shows the same, so that the two share it. */
export const weekQuery = (city: string) =>
  queryOptions({
    queryKey: ["history", city, "7d"],
    queryFn: ({ signal }) =>
      read(api.GET("/aqi/history/{city}", { params: { path: { city }, query: { days: 7, interval: "hour" } }, signal })),
    staleTime: HOUR / 4,
    refetchInterval: HOUR,
    meta: { changes: { kinds: ["hours"], cities: [city] } },
  });
