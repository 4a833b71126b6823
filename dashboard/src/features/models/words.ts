import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import type { Status } from "./choice";

const STATUS_NAMES: Record<Status, ReturnType<typeof msg>> = {
  champion: msg`in use`,
  candidate: msg`candidate`,
  retired: msg`was in use`,
  rejected: msg`not taken`,
};

export function useStatusName(): (status: Status) => string {
  const { i18n } = useLingui();
  return (status) => i18n._(STATUS_NAMES[status]);
}

/** A number of the API's open list of metrics. */
export function metric(metrics: unknown, ...path: string[]): number | null {
  let value: unknown = metrics;
  for (const name of path) {
    if (typeof value !== "object" || value === null) return null;
    value = new Map<string, unknown>(Object.entries(value)).get(name);
  }
  return typeof value === "number" ? value : null;
}
