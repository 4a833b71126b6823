import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";

/**
 * Bands of the Indian index (CPCB 2014), ends included. Two palettes: the official colours for badges, always beside number and
 * word, since Very Poor and Severe look the same to many readers; a ramp that falls in lightness (inferno, reversed) for maps,
 * tiles and heat strips, where colour stands alone. `src/shared/styles/tokens.css` has the same values as variables.
 */
export const CATEGORIES = [
  { key: "good", name: "Good", upper: 50, official: "#00B050", ramp: "#FCFFA4" },
  { key: "satisfactory", name: "Satisfactory", upper: 100, official: "#92D050", ramp: "#FAC228" },
  { key: "moderate", name: "Moderate", upper: 200, official: "#FFFF00", ramp: "#F57D15" },
  { key: "poor", name: "Poor", upper: 300, official: "#FF9900", ramp: "#D44842" },
  { key: "very-poor", name: "Very Poor", upper: 400, official: "#FF0000", ramp: "#9F2A63" },
  { key: "severe", name: "Severe", upper: 500, official: "#C00000", ramp: "#3B0F70" },
] as const;

export type Category = (typeof CATEGORIES)[number];
export type CategoryKey = Category["key"];

/** Text on each colour, by the contrast the tests assert. */
export const ON_OFFICIAL: Record<CategoryKey, "#000000" | "#FFFFFF"> = {
  good: "#000000",
  satisfactory: "#000000",
  moderate: "#000000",
  poor: "#000000",
  "very-poor": "#000000",
  severe: "#FFFFFF",
};
export const ON_RAMP: Record<CategoryKey, "#000000" | "#FFFFFF"> = {
  good: "#000000",
  satisfactory: "#000000",
  moderate: "#000000",
  poor: "#000000",
  "very-poor": "#FFFFFF",
  severe: "#FFFFFF",
};

const NAMES: Record<CategoryKey, ReturnType<typeof msg>> = {
  good: msg`Good`,
  satisfactory: msg`Satisfactory`,
  moderate: msg`Moderate`,
  poor: msg`Poor`,
  "very-poor": msg`Very Poor`,
  severe: msg`Severe`,
};

/** The band of an index; beyond 500 is Severe too. */
export function categoryOf(aqi: number): Category {
  return CATEGORIES.find((category) => aqi <= category.upper) ?? CATEGORIES[5];
}

export function useCategoryName(): (category: Category | string) => string {
  const { i18n } = useLingui();
  return (category) => {
    const name = typeof category === "string" ? category : category.name;
    const known = CATEGORIES.find((candidate) => candidate.name === name);
    return known === undefined ? name : i18n._(NAMES[known.key]);
  };
}
