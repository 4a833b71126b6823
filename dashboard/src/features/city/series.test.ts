import { expect, test } from "vitest";
import type { DayHistory } from "../../shared/api/schema";
import { axisMax, fanPoints, pastPoints } from "./forecastPoints";
import { historySeries } from "./historySeries";
import { forecast, history, LAST_HOUR } from "./testing";

const HOUR = 3_600_000;

test("missing hours stay on the grid, so that lines break there", () => {
  const past = pastPoints(history(24, [3, 23]), "aqi");
  expect(past).toHaveLength(24);
  expect(past[0]?.time).toBe(LAST_HOUR - 23 * HOUR);
  expect(past.flatMap(({ value }, index) => (value === null ? [index] : []))).toEqual([3, 23]);
  expect(pastPoints(history(24), "nh3").every(({ value }) => value === null)).toBe(true);
});

test("hours without the target have no point", () => {
  const whole = forecast();
  expect(fanPoints(whole, "aqi")).toHaveLength(48);
  const without = { ...whole, forecast: whole.forecast.map(({ pm25: _, ...hour }) => hour) };
  expect(fanPoints(without, "pm25")).toEqual([]);
  expect(fanPoints(whole, "pm25")[0]).toMatchObject({ value: 200.5, lower80: 190, upper95: 230, lead: 1 });
});

test("days are placed at their Indian midnight", () => {
  const day = (date: string, aqi: number | null) => ({
    date,
    aqi,
    aqi_max: aqi,
    category: null,
    hours: 24,
    basis: "measured",
    source: "cpcb",
    pollutants: {},
  });
  const days: DayHistory = {
    ...history(1),
    interval: "day",
    points: [day("2025-11-01", 200), day("2025-11-02", null), day("2025-11-04", 250)],
  };
  const { points, sources, bases } = historySeries(days, "aqi");
  expect(points.map(({ time }) => new Date(time).toISOString())).toEqual([
    "2025-10-31T18:30:00.000Z",
    "2025-11-01T18:30:00.000Z",
    "2025-11-02T18:30:00.000Z",
    "2025-11-03T18:30:00.000Z",
  ]);
  expect(points.map(({ value }) => value)).toEqual([200, null, null, 250]);
  expect([sources, bases]).toEqual([["cpcb"], ["measured"]]);
  expect(historySeries(days, "no2").points).toEqual([]);
});

test("an index axis ends at a category with room above the highest value", () => {
  expect(axisMax([80], "aqi")).toBe(100);
  expect(axisMax([98], "aqi")).toBe(200);
  expect(axisMax([500], "aqi")).toBe(500);
  expect(axisMax([100], "pm25")).toBeCloseTo(110);
});
