import { expect, test } from "vitest";
import outline from "./outline.json";
import { project } from "./projection";

test("the corners of the country fall on the corners of the outline", () => {
  const numbers = [...outline.path.matchAll(/[ML](-?[\d.]+),(-?[\d.]+)/g)].map((match) => ({ x: Number(match[1]), y: Number(match[2]) }));
  const west = numbers.reduce((a, b) => (b.x < a.x ? b : a));
  const north = numbers.reduce((a, b) => (b.y < a.y ? b : a));
  // The westernmost land is near Guhar Moti, the northernmost is Indira Col.
  const guharMoti = project(23.713, 68.132);
  expect(Math.hypot(guharMoti.x - west.x, guharMoti.y - west.y)).toBeLessThan(6);
  expect(project(37.08, 76.8).y).toBeCloseTo(north.y, -1);
});

test("the outline is small enough to be loaded for a map", () => {
  expect(outline.path.length).toBeLessThan(45_000);
  expect(outline.viewBox).toBe("0 0 612 696");
});
