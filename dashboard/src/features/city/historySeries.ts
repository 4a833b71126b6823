import type { History } from "../../shared/api/schema";
import { concentration, type PastPoint } from "./forecastPoints";

export interface HistoryPoint extends PastPoint {
  basis: string | null;
  source: string | null;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** One variable of a history on a full grid of hours or Indian days, from the first value on; what is missing is null. */
export function historySeries(history: History, shown: string): { points: HistoryPoint[]; sources: string[]; bases: string[] } {
  const known = new Map<number, HistoryPoint>();
  for (const point of history.points) {
    // A day is placed at its beginning in Indian time.
    const time = "date" in point ? Date.parse(`${point.date}T00:00:00+05:30`) : Date.parse(point.time);
    const value = shown === "aqi" ? point.aqi : concentration(point.pollutants, shown);
    if (value !== null) known.set(time, { time, value, basis: point.basis, source: point.source });
  }
  const times = [...known.keys()];
  const points: HistoryPoint[] = [];
  const step = history.interval === "day" ? DAY : HOUR;
  for (let time = Math.min(...times); time <= Math.max(...times); time += step) {
    points.push(known.get(time) ?? { time, value: null, basis: null, source: null });
  }
  const distinct = (pick: (point: HistoryPoint) => string | null) => [...new Set([...known.values()].flatMap((point) => pick(point) ?? []))];
  return { points, sources: distinct((point) => point.source), bases: distinct((point) => point.basis) };
}
