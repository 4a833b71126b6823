import { queryOptions } from "@tanstack/react-query";
import { api, read } from "./client";

const DAY = 86_400_000;

/** All cities with their slugs, for lists to choose from; which cities there are changes with a release. */
export const citiesQuery = queryOptions({
  queryKey: ["cities"],
  queryFn: ({ signal }) => read(api.GET("/cities/", { signal })),
  staleTime: DAY,
  refetchInterval: DAY,
});
