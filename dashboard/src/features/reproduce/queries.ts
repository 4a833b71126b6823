import { queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";
import { loadParts } from "./parts";
import type { Recipe } from "./recipe";

/** The forecast issued at that time and all it was computed from, checked; nothing of it ever changes. */
export const reproduceQuery = (city: string, issued: string, target: Recipe["target"]) =>
  queryOptions({
    queryKey: ["reproduce", city, issued, target],
    queryFn: async ({ signal }) => {
      const listing = await read(api.GET("/forecast/{city}/reproduce", { params: { path: { city }, query: { issued, target } }, signal }));
      return { listing, parts: await loadParts(listing, signal) };
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
  });
