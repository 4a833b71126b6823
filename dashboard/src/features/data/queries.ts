import { queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";
import type { History } from "../../shared/api/schema";
import { type ArchiveChoice, type ArchivedFile, type ArchiveRow, filesOf, isManifest, type Manifest } from "./archiveChoice";
import { type Choice, type Format, previewRanges } from "./choice";

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

/** Whether this server writes files of a format: not each has the libraries of Excel's and Parquet's. */
export function formatQuery(format: Format) {
  return queryOptions({
    queryKey: ["history-format", format],
    enabled: format === "xlsx" || format === "parquet",
    refetchInterval: false,
    staleTime: Number.POSITIVE_INFINITY,
    meta: { stored: false },
    queryFn: async ({ signal }): Promise<boolean> => {
      const answer = await fetch(`/api/v1/aqi/history/delhi?hours=1&format=${format}`, { method: "HEAD", signal }).catch(() => null);
      return answer?.status !== 406;
    },
  });
}

/** What the archive holds: its manifest is written by Vayu alone, and read as it is. */
export function manifestQuery(enabled: boolean) {
  return queryOptions({
    queryKey: ["archive-manifest"],
    enabled,
    // It changes once a day; with each day's come the names of new files.
    refetchInterval: 600_000,
    meta: { stored: false },
    queryFn: async ({ signal }): Promise<Manifest> => {
      const manifest: unknown = await read(api.GET("/archive/manifest.json", { signal }));
      if (!isManifest(manifest)) throw new TypeError("The archive's manifest is of another version");
      return manifest;
    },
  });
}

/** The rows of a choice; what reads Parquet comes with the first of them. */
export function archiveQuery(files: ArchivedFile[], choice: ArchiveChoice) {
  const paths = filesOf(files, choice).map(({ path }) => path);
  return queryOptions({
    queryKey: ["archive-rows", choice, paths],
    refetchInterval: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    meta: { stored: false },
    queryFn: async ({ signal }): Promise<ArchiveRow[]> => {
      const { readArchive } = await import("./archive");
      return readArchive(files, choice, signal);
    },
  });
}
