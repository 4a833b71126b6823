import { queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";

export type { Overview, OverviewCity } from "../../shared/api/schema";

/** All that the page shows, in one request. */
export const overviewQuery = queryOptions({
  queryKey: ["overview"],
  queryFn: ({ signal }) => read(api.GET("/overview", { signal })),
  meta: { changes: { kinds: ["hours", "forecast"] } },
});
