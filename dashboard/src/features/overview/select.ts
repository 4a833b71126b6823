import type { Index } from "../../shared/api/schema";
import type { OverviewCity } from "./queries";

export const SORTS = ["worst", "best", "peak", "risk", "name"] as const;
export type Sort = (typeof SORTS)[number];

export const VIEWS = ["cards", "list", "map", "tiles"] as const;
export type View = (typeof VIEWS)[number];

/** The latest hour of a city, if it has an index. */
export type LatestIndex = Index & { aqi: number };

export interface RankedCity extends OverviewCity {
  latest: LatestIndex | null;
  /** Place by the sort in use, equal values sharing one; null without a value, and by name. */
  rank: number | null;
}

interface Selection {
  sort: Sort;
  search: string;
  favourites: ReadonlySet<string>;
  favouritesOnly: boolean;
  /** A name in the language in use, which a search matches too. */
  placeName: (name: string) => string;
  compare: (a: string, b: string) => number;
}

function hasIndex(latest: Index | null): latest is LatestIndex {
  return latest?.aqi != null;
}

/** What a sort compares: higher comes first. */
function value(city: OverviewCity, sort: Sort): number | null {
  switch (sort) {
    case "worst":
      return city.latest?.aqi ?? null;
    case "best":
      return city.latest?.aqi == null ? null : -city.latest.aqi;
    case "peak":
      return city.forecast?.peak.aqi ?? null;
    case "risk":
      return city.forecast?.exceedance?.["300"] ?? null;
    case "name":
      return null;
  }
}

/** Letters only, without case and accents. */
function plain(text: string): string {
  return text
    .normalize("NFD")
    .replace(/[\u0300-\u036f\s-]/g, "")
    .toLowerCase();
}

/** The cities that match, ranked among all cities, favourites first. */
export function selectCities(cities: OverviewCity[], selection: Selection): RankedCity[] {
  const { sort, search, favourites, favouritesOnly, placeName, compare } = selection;
  const byName = (a: OverviewCity, b: OverviewCity) => compare(placeName(a.name), placeName(b.name));
  const ordered = cities.toSorted((a, b) => {
    const [first, second] = [value(a, sort), value(b, sort)];
    if (first === null || second === null) return Number(first === null) - Number(second === null) || byName(a, b);
    return second - first || byName(a, b);
  });
  let rank = 0;
  let before: number | null = null;
  const ranked = ordered.map((city, index) => {
    const own = value(city, sort);
    if (own !== null && own !== before) rank = index + 1;
    before = own;
    return { ...city, latest: hasIndex(city.latest) ? city.latest : null, rank: own === null ? null : rank };
  });
  const wanted = plain(search);
  const matches = (city: OverviewCity) =>
    [city.name, city.state, placeName(city.name), placeName(city.state), ...city.aliases].some((text) => plain(text).includes(wanted));
  const shown = ranked.filter((city) => matches(city) && (!favouritesOnly || favourites.has(city.slug)));
  return [...shown.filter((city) => favourites.has(city.slug)), ...shown.filter((city) => !favourites.has(city.slug))];
}
