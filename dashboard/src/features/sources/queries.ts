import { queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";
import { ApiError } from "../../shared/api/errors";
import { pollInterval } from "../../shared/api/queryClient";
import type { Health } from "../../shared/api/schema";

const HOUR = 3_600_000;

/** A service without its database answers 503, with its health as the body: that is an answer, and no failure to answer. */
async function readHealth(signal: AbortSignal): Promise<Health> {
  try {
    return await read(api.GET("/health", { signal }));
  } catch (error) {
    if (error instanceof ApiError && error.kind === "unavailable" && isHealth(error.problem)) return error.problem;
    throw error;
  }
}

function isHealth(body: object): body is Health {
  return "database" in body && "reasons" in body && Array.isArray(body.reasons);
}

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: ({ signal }) => readHealth(signal),
  // Its queue and its ages change without an event.
  refetchInterval: ({ state }) => pollInterval(state.error),
  meta: { changes: { kinds: ["source"] } },
});

export const metricsQuery = queryOptions({
  queryKey: ["metrics"],
  queryFn: ({ signal }) => read(api.GET("/metrics", { signal })),
});

export const sloQuery = queryOptions({
  queryKey: ["slo"],
  queryFn: ({ signal }) => read(api.GET("/slo", { signal })),
  refetchInterval: HOUR,
  meta: { changes: { kinds: ["hours", "forecast", "source"] } },
});
