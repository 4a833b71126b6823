import { expect, test } from "vitest";
import { selectCities } from "./select";
import { city } from "./testing";

const CITIES = [
  city("Delhi", { aqi: 356, peak: 310, risk: 0.5 }),
  city("Mumbai", { aqi: 101, peak: 140, risk: 0 }),
  city("Pune", { aqi: 101, peak: 320, risk: 0.6 }),
  city("Agra", {}),
];
const DEFAULTS = {
  sort: "worst",
  search: "",
  favourites: new Set<string>(),
  favouritesOnly: false,
  placeName: (name: string) => (name === "Pune" ? "पुणे" : name),
  compare: (a: string, b: string) => a.localeCompare(b),
} as const;

const names = (selection: Partial<Parameters<typeof selectCities>[1]>) =>
  selectCities(CITIES, { ...DEFAULTS, ...selection }).map((entry) => `${entry.rank ?? "-"} ${entry.name}`);

test("equal values share a rank, and cities without one come last without a rank", () => {
  expect(names({ sort: "worst" })).toEqual(["1 Delhi", "2 Mumbai", "2 Pune", "- Agra"]);
  expect(names({ sort: "best" })).toEqual(["1 Mumbai", "1 Pune", "3 Delhi", "- Agra"]);
  expect(names({ sort: "peak" })).toEqual(["1 Pune", "2 Delhi", "3 Mumbai", "- Agra"]);
  expect(names({ sort: "risk" })).toEqual(["1 Pune", "2 Delhi", "3 Mumbai", "- Agra"]);
  expect(names({ sort: "name" })).toEqual(["- Agra", "- Delhi", "- Mumbai", "- Pune"]);
});

test("favourites come first and keep their rank", () => {
  expect(names({ favourites: new Set(["pune"]) })).toEqual(["2 Pune", "1 Delhi", "2 Mumbai", "- Agra"]);
  expect(names({ favourites: new Set(["pune"]), favouritesOnly: true })).toEqual(["2 Pune"]);
});

test("a search ignores case and blanks, and knows both languages and states", () => {
  expect(names({ search: "  dEL hi" })).toEqual(["1 Delhi"]);
  expect(names({ search: "पुण" })).toEqual(["2 Pune"]);
  expect(names({ search: "State of Agra" })).toEqual(["- Agra"]);
  expect(names({ search: "old agra" })).toEqual(["- Agra"]);
  expect(names({ search: "x" })).toEqual([]);
});
