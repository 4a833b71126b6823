import { queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";
import type { History } from "../../shared/api/schema";
import { type Choice, previewRanges } from "./choice";

const ROWS = 10;

export interface Preview {
  history: History;
  /** Where the first rows are empty, the last are shown. */
  end: "first" | "last";
}

/** A few rows of what the choice asks for, never all of it: it may be ten years. */
export function previewQuery(choice: Choice, enabled: boolean) {
  return queryOptions({
    queryKey: ["history-preview", choice],
    enabled,
    refetchInterval: false,
    // One for each choice ever made is nothing to keep.
    gcTime: 60_000,
    meta: { stored: false },
    queryFn: async ({ signal }): Promise<Preview> => {
      const { first, last } = previewRanges(choice, Date.now(), ROWS);
      const fetchRows = ({ start, end }: { start: number; end: number }) => {
        const query = {
          start: new Date(start).toISOString(),
          end: new Date(end).toISOString(),
          interval: choice.interval,
          standard: choice.standard,
          format: "json" as const,
        };
        return read(api.GET("/aqi/history/{city}", { params: { path: { city: choice.city }, query }, signal }));
      };
      const history = await fetchRows(first);
      if (history.count > 0) return { history, end: "first" };
      return { history: await fetchRows(last), end: "last" };
    },
  });
}
