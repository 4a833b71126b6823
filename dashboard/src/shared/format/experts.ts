import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { sourceName } from "./basis";

const NAMES = {
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
} satisfies Record<string, ReturnType<typeof msg>>;

/** What a forecast can be made of, but for providers' forecasts. */
export type ExpertName = keyof typeof NAMES;

const BY_NAME = new Map<string, (typeof NAMES)[ExpertName]>(Object.entries(NAMES));

/** A family or an expert in words; providers by their name. */
export function useExpertName(): (name: string) => string {
  const { i18n } = useLingui();
  return (name) => {
    const known = BY_NAME.get(name);
    return known === undefined ? sourceName(name) : i18n._(known);
  };
}
