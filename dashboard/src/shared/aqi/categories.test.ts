import { readFileSync } from "node:fs";
import { differenceCiede2000, filterDeficiencyDeuter, filterDeficiencyProt, filterDeficiencyTrit, parse, wcagContrast, wcagLuminance } from "culori";
import { expect, test } from "vitest";

import { CATEGORIES, categoryOf, ON_OFFICIAL, ON_RAMP } from "./categories";

const tokens = readFileSync("src/shared/styles/tokens.css", "utf8");
const difference = differenceCiede2000();
const DEFICIENCIES = { prot: filterDeficiencyProt(1), deuter: filterDeficiencyDeuter(1), trit: filterDeficiencyTrit(1) };

function colour(code: string) {
  const parsed = parse(code);
  if (parsed === undefined) throw new Error(`${code} is no colour`);
  return parsed;
}

test.each(Object.entries(DEFICIENCIES))("every two colours of the ramp differ by 10 under %s deficiency", (_name, filter) => {
  const seen = CATEGORIES.map((category) => filter(colour(category.ramp)));
  for (const [index, first] of seen.entries()) {
    for (const second of seen.slice(index + 1)) expect(difference(first, second)).toBeGreaterThanOrEqual(10);
  }
});

test("the ramp falls in lightness, so it is read without colour", () => {
  const luminances = CATEGORIES.map((category) => wcagLuminance(colour(category.ramp)));
  expect(luminances).toEqual(luminances.toSorted((a, b) => b - a));
});

test("text is readable on every badge and every tile", () => {
  for (const category of CATEGORIES) {
    expect(wcagContrast(category.official, ON_OFFICIAL[category.key])).toBeGreaterThanOrEqual(4.5);
    expect(wcagContrast(category.ramp, ON_RAMP[category.key])).toBeGreaterThanOrEqual(4.5);
  }
});

test("the style sheet has the same colours", () => {
  for (const { key, official, ramp } of CATEGORIES) {
    expect(tokens).toContain(`--official-${key}: ${official.toLowerCase()};`);
    expect(tokens).toContain(`--on-official-${key}: ${ON_OFFICIAL[key].toLowerCase()};`);
    expect(tokens).toContain(`--ramp-${key}: ${ramp.toLowerCase()};`);
    expect(tokens).toContain(`--on-ramp-${key}: ${ON_RAMP[key].toLowerCase()};`);
  }
});

const PAIRS = [
  ["text", "surface"],
  ["text", "page"],
  ["quiet", "surface"],
  ["quiet", "page"],
  ["link", "surface"],
  ["link", "page"],
  ["warn-text", "warn"],
] as const;

test.each([0, 1])("text of the theme has a contrast of 4.5 (%i: light, dark)", (theme) => {
  const value = (name: string) => {
    const pair = new RegExp(`--${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(tokens);
    const code = pair?.[theme + 1];
    if (code === undefined) throw new Error(`--${name} is not a pair of colours`);
    return code;
  };
  for (const [text, ground] of PAIRS) expect(wcagContrast(value(text), value(ground))).toBeGreaterThanOrEqual(4.5);
  expect(wcagContrast(value("line"), value("surface"))).toBeGreaterThanOrEqual(3);
  expect(wcagContrast(value("focus"), value("surface"))).toBeGreaterThanOrEqual(3);
});

test.each([
  [0, "Good"],
  [50, "Good"],
  [51, "Satisfactory"],
  [200, "Moderate"],
  [301, "Very Poor"],
  [401, "Severe"],
  [500, "Severe"],
])("an index of %i is %s", (aqi, name) => {
  expect(categoryOf(aqi).name).toBe(name);
});
