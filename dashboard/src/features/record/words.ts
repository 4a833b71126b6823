import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { sourceName } from "../../shared/format/basis";
import type { Season } from "./filters";

const SEASON_NAMES: Record<Season, ReturnType<typeof msg>> = {
  DJF: msg`Winter (Dec–Feb)`,
  MAM: msg`Pre-monsoon (Mar–May)`,
  JJAS: msg`Monsoon (Jun–Sep)`,
  ON: msg`Post-monsoon (Oct–Nov)`,
};

const NAIVE_NAMES: Record<string, ReturnType<typeof msg>> = {
  persistence: msg`as it is now`,
  daily: msg`as at this hour yesterday`,
  mean24: msg`mean of the last 24 hours`,
  weekly: msg`mean of this hour over seven days`,
};

export function useSeasonName(): (season: Season) => string {
  const { i18n } = useLingui();
  return (season) => i18n._(SEASON_NAMES[season]);
}

/** A naive forecast in words, or the name of a provider. */
export function useRivalName(): (rival: string) => string {
  const { i18n } = useLingui();
  return (rival) => {
    const naive = NAIVE_NAMES[rival];
    return naive === undefined ? sourceName(rival) : i18n._(naive);
  };
}

/** How well a cell did, for its colour; none below 30 hours, where a figure says nothing. */
export function grade(skill: number | null, enough: boolean): "none" | "much-worse" | "worse" | "even" | "better" | "much-better" {
  if (!enough || skill === null) return "none";
  if (skill <= -0.1) return "much-worse";
  if (skill <= -0.02) return "worse";
  if (skill < 0.02) return "even";
  return skill < 0.15 ? "better" : "much-better";
}
