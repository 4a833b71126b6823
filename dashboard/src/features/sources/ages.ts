import type { OverviewCity } from "../../shared/api/schema";

/** Upper bounds of the classes of ages, in hours; the last class has none. */
export const AGE_BOUNDS = [1, 2, 3, 6, 12, 24] as const;

export interface AgedCity {
  city: OverviewCity;
  /** Since the end of its newest hour; null where it has none within 48 hours. */
  hours: number | null;
}

/** Cities with the age of their newest hour, oldest first, those without any before them. */
export function byAge(cities: OverviewCity[], now: number): AgedCity[] {
  return cities
    .map((city) => ({ city, hours: city.latest === null ? null : Math.max(0, (now - Date.parse(city.latest.timestamp)) / 3_600_000) }))
    .sort((a, b) => (b.hours ?? Infinity) - (a.hours ?? Infinity) || a.city.name.localeCompare(b.city.name));
}

/** How many cities fall into each class of {@link AGE_BOUNDS}, into the one above them, and how many have no hour. */
export function countByAge(cities: AgedCity[]): { classes: number[]; none: number } {
  const classes = [...AGE_BOUNDS, Infinity].map(() => 0);
  let none = 0;
  for (const { hours } of cities) {
    if (hours === null) none += 1;
    else {
      const index = AGE_BOUNDS.findIndex((bound) => hours <= bound);
      const at = index === -1 ? AGE_BOUNDS.length : index;
      classes[at] = (classes[at] ?? 0) + 1;
    }
  }
  return { classes, none };
}
