import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";
import type { Choice, Target } from "./choice";

/** Models are trained once a day. */
const HOUR = 3_600_000;

export const modelsQuery = ({ city, target, family, status, page }: Choice) =>
  queryOptions({
    queryKey: ["models", city, target, family, status, page],
    queryFn: ({ signal }) => {
      const query = {
        page,
        per_page: 20,
        target,
        ...(city === null ? {} : { city }),
        ...(family === null ? {} : { family }),
        ...(status === null ? {} : { status }),
      };
      return read(api.GET("/models/list", { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
    meta: { changes: { kinds: ["model"], ...(city === null ? {} : { cities: [city] }) } },
  });

export const performanceQuery = (city: string, target: Target) =>
  queryOptions({
    queryKey: ["performance", city, target],
    queryFn: ({ signal }) => read(api.GET("/models/performance/{city}", { params: { path: { city }, query: { target } }, signal })),
    refetchInterval: HOUR,
    meta: { changes: { kinds: ["model"], cities: [city] } },
  });

export const expertsQuery = (city: string, target: Target) =>
  queryOptions({
    queryKey: ["experts", city, target],
    queryFn: ({ signal }) => read(api.GET("/forecast/{city}", { params: { path: { city }, query: { target, explain: true } }, signal })),
    meta: { changes: { kinds: ["forecast", "model"], cities: [city] } },
  });

/** A training that was asked for; polled until it is over. */
export const jobQuery = (job: number) =>
  queryOptions({
    queryKey: ["job", job],
    queryFn: ({ signal }) => read(api.GET("/models/jobs/{job}", { params: { path: { job } }, signal })),
    refetchInterval: ({ state }) => (state.data?.state === "done" || state.data?.state === "dead" ? false : 3000),
  });

/** Asks for a training; the key makes a second click the same request. */
export function retrain(city: string, token: string, key: string) {
  return read(
    api.POST("/models/retrain/{city}", {
      params: { path: { city }, header: { "Idempotency-Key": key } },
      headers: { Authorization: `Bearer ${token}` },
      body: { force: true },
    }),
  );
}
