import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { sourceName } from "../../shared/format/basis";
import type { Family, Status } from "./choice";

type Message = ReturnType<typeof msg>;

const NAMES: Record<string, Message> = {
  linear: msg`linear model`,
  level_free: msg`linear model without the level`,
  pooled: msg`linear model that other places taught`,
  random_forest: msg`random forest`,
  xgboost: msg`boosted trees (XGBoost)`,
  lstm: msg`neural network (LSTM)`,
  blend: msg`several models at once`,
  naive: msg`the best naive forecast`,
  composed: msg`index from the forecast of PM2.5`,
  mean: msg`mean of the models`,
  mean_corrected: msg`that mean, corrected by its errors`,
  persistence: msg`as it is now`,
  daily: msg`as at this hour yesterday`,
  mean24: msg`mean of the last 24 hours`,
  weekly: msg`mean of this hour over seven days`,
} satisfies Record<Family, Message> & Record<string, Message>;

const STATUS_NAMES: Record<Status, Message> = {
  champion: msg`in use`,
  candidate: msg`candidate`,
  retired: msg`was in use`,
  rejected: msg`not taken`,
};

/** A family or an expert in words; providers by their name. */
export function useExpertName(): (name: string) => string {
  const { i18n } = useLingui();
  return (name) => {
    const known = NAMES[name];
    return known === undefined ? sourceName(name) : i18n._(known);
  };
}

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
