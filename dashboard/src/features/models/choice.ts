import type { ExpertName } from "../../shared/format/experts";

export const TARGETS = ["aqi", "pm25"] as const;
export const FAMILIES = ["linear", "random_forest", "xgboost", "lstm"] as const satisfies ExpertName[];
export const STATUSES = ["champion", "candidate", "retired", "rejected"] as const;

export type Target = (typeof TARGETS)[number];
export type Family = (typeof FAMILIES)[number];
export type Status = (typeof STATUSES)[number];

/** Of errors. */
export const UNITS: Record<Target, string> = { aqi: "AQI", pm25: "µg/m³" };

/** Which models are shown; the address of the page holds it. */
export interface Choice {
  /** Slug; null for all cities. */
  city: string | null;
  target: Target;
  family: Family | null;
  status: Status | null;
  page: number;
}

export function choiceOf(params: URLSearchParams): Choice {
  const page = Number(params.get("page") ?? "1");
  return {
    city: params.get("city") || null,
    target: TARGETS.find((target) => target === params.get("target")) ?? "aqi",
    family: FAMILIES.find((family) => family === params.get("family")) ?? null,
    status: STATUSES.find((status) => status === params.get("status")) ?? null,
    page: Number.isInteger(page) && page > 0 && page <= 100_000 ? page : 1,
  };
}
