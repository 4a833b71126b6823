import { expect, test } from "vitest";
import { istTicks } from "./ticks";

const at = (time: string) => Date.parse(time);

test("a day has ticks at Indian hours", () => {
  const ticks = istTicks(at("2025-11-05T10:30:00Z"), at("2025-11-06T10:30:00Z"), 8);
  expect(ticks.map(({ time }) => new Date(time).toISOString().slice(11, 16))).toEqual([
    "12:30", "15:30", "18:30", "21:30", "00:30", "03:30", "06:30", "09:30",
  ]);
  expect(ticks.filter(({ midnight }) => midnight).map(({ time }) => time)).toEqual([at("2025-11-05T18:30:00Z")]);
});

test.each([1, 2, 7, 30, 365])("%i days never have more ticks than fit", (days) => {
  const start = at("2025-01-01T10:30:00Z");
  const ticks = istTicks(start, start + days * 86_400_000, 10);
  expect(ticks.length).toBeGreaterThan(2);
  expect(ticks.length).toBeLessThanOrEqual(11);
});
