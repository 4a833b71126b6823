export const LEADS = [1, 3, 6, 12, 24, 48] as const;
export const SEASONS = ["DJF", "MAM", "JJAS", "ON"] as const;
export const MODES = ["live", "replay"] as const;
export const TARGETS = ["aqi", "pm25"] as const;

export type Lead = (typeof LEADS)[number];
export type Season = (typeof SEASONS)[number];
export type Mode = (typeof MODES)[number];
export type Target = (typeof TARGETS)[number];

/** What part of the record is shown; the address of the page holds it. */
export interface Filters {
  /** Slug; null for all cities. */
  city: string | null;
  target: Target;
  lead: Lead;
  season: Season | null;
  /** Null: live, or a replay where nothing is live. */
  mode: Mode | null;
}

export function filtersOf(params: URLSearchParams): Filters {
  return {
    city: params.get("city") || null,
    target: oneOf(TARGETS, params.get("target")) ?? "aqi",
    lead: LEADS.find((lead) => String(lead) === params.get("lead")) ?? 24,
    season: oneOf(SEASONS, params.get("season")) ?? null,
    mode: oneOf(MODES, params.get("mode")) ?? null,
  };
}

function oneOf<T extends string>(values: readonly T[], given: string | null): T | undefined {
  return values.find((value) => value === given);
}

/** As the overview and the API write a city in addresses. */
export function slugOf(city: string): string {
  return city.toLowerCase().replaceAll(" ", "-");
}

/** The address of a part of the record in the API, for who wants the numbers. */
export function apiAddress(path: string, query: Record<string, string | number | null>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== null) params.set(name, String(value));
  const text = params.toString();
  return `/api/v1/record/${path}${text === "" ? "" : `?${text}`}`;
}
