import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";
import type { Filters, Lead, Mode, Season, Target } from "./filters";

/** Scores change once a day is over. */
const HOUR = 3_600_000;
const SLOWLY = { refetchInterval: HOUR, placeholderData: keepPreviousData } as const;

/** What is not chosen is left out of the address. */
function chosen<T extends Record<string, unknown>>(query: T): { [K in keyof T]?: Exclude<T[K], null> } {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null)) as { [K in keyof T]?: Exclude<T[K], null> };
}

export const tableQuery = (target: Target, mode: Mode | null) =>
  queryOptions({
    queryKey: ["record", "scores", target, mode],
    queryFn: ({ signal }) => read(api.GET("/record/scores", { params: { query: chosen({ target, mode }) }, signal })),
    ...SLOWLY,
  });

export const cityQuery = (city: string, target: Target, mode: Mode | null) =>
  queryOptions({
    queryKey: ["record", "city", city, target, mode],
    queryFn: ({ signal }) =>
      read(api.GET("/record/scores/{city}", { params: { path: { city }, query: chosen({ target, mode }) }, signal })),
    ...SLOWLY,
  });

export const lossesQuery = ({ city, target, season, mode }: Filters) =>
  queryOptions({
    queryKey: ["record", "losses", city, target, season, mode],
    queryFn: ({ signal }) =>
      read(api.GET("/record/losses", { params: { query: chosen({ city, target, season, mode, limit: 20 }) }, signal })),
    ...SLOWLY,
  });

export const reliabilityQuery = (city: string | null, lead: Lead, season: Season | null, mode: Mode | null) =>
  queryOptions({
    queryKey: ["record", "reliability", city, lead, season, mode],
    queryFn: ({ signal }) => read(api.GET("/record/reliability", { params: { query: chosen({ city, lead, season, mode }) }, signal })),
    ...SLOWLY,
  });

export const PERCENTS = [10, 20, 30, 40, 50, 60, 70, 80, 90] as const;
export type Percent = (typeof PERCENTS)[number];

export const warningsQuery = (city: string | null, season: Season | null, mode: Mode | null, percent: Percent) =>
  queryOptions({
    queryKey: ["record", "warnings", city, season, mode, percent],
    queryFn: ({ signal }) =>
      read(api.GET("/record/warnings", { params: { query: chosen({ city, season, mode, percent }) }, signal })),
    ...SLOWLY,
  });

export const plumeQuery = (city: string, target: Target, mode: Mode | null, time: string | null) =>
  queryOptions({
    queryKey: ["record", "plume", city, target, mode, time],
    queryFn: ({ signal }) =>
      read(api.GET("/record/plume/{city}", { params: { path: { city }, query: chosen({ target, mode, time }) }, signal })),
    ...SLOWLY,
  });
