import type { Forecast, History } from "../../shared/api/schema";

export type Target = "aqi" | "pm25";

/** An hour of a forecast, in milliseconds and in the unit of the target. */
export interface FanPoint {
  time: number;
  lead: number;
  value: number;
  lower80: number;
  upper80: number;
  lower95: number;
  upper95: number;
}

export function fanPoints(forecast: Forecast, target: Target): FanPoint[] {
  return forecast.forecast.flatMap((hour) => {
    const own = target === "aqi" ? { ...hour, value: hour.aqi } : hour.pm25;
    if (
      own?.value === undefined ||
      own.lower_80 === undefined ||
      own.upper_80 === undefined ||
      own.lower_95 === undefined ||
      own.upper_95 === undefined
    ) {
      return [];
    }
    return [
      {
        time: Date.parse(hour.time),
        lead: hour.lead_hours,
        value: own.value,
        lower80: own.lower_80,
        upper80: own.upper_80,
        lower95: own.lower_95,
        upper95: own.upper_95,
      },
    ];
  });
}

export interface PastPoint {
  time: number;
  value: number | null;
}

const HOUR = 3_600_000;

/** The hours of a history on a full grid: hours that the API leaves out have null, so that lines break there. */
export function pastPoints(history: History, target: string): PastPoint[] {
  if (history.interval !== "hour") return [];
  const values = new Map(
    history.points.map((point) => [Date.parse(point.time), target === "aqi" ? point.aqi : concentration(point.pollutants, target)]),
  );
  const grid: PastPoint[] = [];
  for (let time = Date.parse(history.start) + HOUR; time <= Date.parse(history.end); time += HOUR) {
    grid.push({ time, value: values.get(time) ?? null });
  }
  return grid;
}

export function concentration(pollutants: Record<string, number | undefined>, key: string): number | null {
  return pollutants[key] ?? null;
}

/** The upper end of an axis, with room above the highest value; an index ends at a category. */
export function axisMax(values: number[], target: string): number {
  const highest = Math.max(0, ...values);
  if (target === "aqi") return [100, 200, 300, 400].find((limit) => highest <= limit * 0.95) ?? 500;
  return Math.max(10, highest * 1.1);
}
