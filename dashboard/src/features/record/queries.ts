import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";
import type { Filters, Lead, Mode, Season, Target } from "./filters";

/** Scores change once a day is over. */
const HOUR = 3_600_000;
const SLOWLY = { refetchInterval: HOUR, placeholderData: keepPreviousData } as const;

interface Part {
  city?: string | null;
  season?: Season | null;
  mode: Mode | null;
}

/** What is not chosen is left out of the address. */
function part({ city = null, season = null, mode }: Part) {
  return { ...(city === null ? {} : { city }), ...(season === null ? {} : { season }), ...(mode === null ? {} : { mode }) };
}

export const tableQuery = (target: Target, mode: Mode | null) =>
  queryOptions({
    queryKey: ["record", "scores", target, mode],
    queryFn: ({ signal }) => read(api.GET("/record/scores", { params: { query: { target, ...part({ mode }) } }, signal })),
    ...SLOWLY,
  });

export const cityQuery = (city: string, target: Target, mode: Mode | null) =>
  queryOptions({
    queryKey: ["record", "city", city, target, mode],
    queryFn: ({ signal }) =>
      read(api.GET("/record/scores/{city}", { params: { path: { city }, query: { target, ...part({ mode }) } }, signal })),
    ...SLOWLY,
  });

export const lossesQuery = ({ city, target, season, mode }: Filters) =>
  queryOptions({
    queryKey: ["record", "losses", city, target, season, mode],
    queryFn: ({ signal }) =>
      read(api.GET("/record/losses", { params: { query: { target, limit: 20, ...part({ city, season, mode }) } }, signal })),
    ...SLOWLY,
  });

export const reliabilityQuery = (city: string | null, lead: Lead, season: Season | null, mode: Mode | null) =>
  queryOptions({
    queryKey: ["record", "reliability", city, lead, season, mode],
    queryFn: ({ signal }) => read(api.GET("/record/reliability", { params: { query: { lead, ...part({ city, season, mode }) } }, signal })),
    ...SLOWLY,
  });

export const PERCENTS = [10, 20, 30, 40, 50, 60, 70, 80, 90] as const;
export type Percent = (typeof PERCENTS)[number];

export const warningsQuery = (city: string | null, season: Season | null, mode: Mode | null, percent: Percent) =>
  queryOptions({
    queryKey: ["record", "warnings", city, season, mode, percent],
    queryFn: ({ signal }) =>
      read(api.GET("/record/warnings", { params: { query: { percent, ...part({ city, season, mode }) } }, signal })),
    ...SLOWLY,
  });

export const plumeQuery = (city: string, target: Target, mode: Mode | null, time: string | null) =>
  queryOptions({
    queryKey: ["record", "plume", city, target, mode, time],
    queryFn: ({ signal }) =>
      read(api.GET("/record/plume/{city}", { params: { path: { city }, query: { target, ...part({ mode }), ...(time === null ? {} : { time }) } }, signal })),
    ...SLOWLY,
  });
