import { expect, test } from "vitest";
import { readModel, roundEven, run, UnsupportedModel } from "./onnx";
import { asIssued, forecast, readRecipe } from "./recipe";
import { changed, UNCHANGED } from "./scenario";
import { EXPECTED, FEATURES, matrix, model, recipe } from "./testing";

const X = { shape: [48, FEATURES.length], data: matrix() };
const GRAPH = readModel(model());

test("a forecast is the weighted mean of its experts", () => {
  const y = forecast(recipe(), GRAPH, X);
  expect(y).toHaveLength(48);
  for (const value of y) expect(value).toBeCloseTo(EXPECTED, 4);
});

test("the mean is corrected, and stands where nobody with a weight speaks", () => {
  const correction = Array<number>(48).fill(Math.log(2));
  const only = (at: number) => [0, 1].map(() => [0, 0, 0, 0, 0].map((_, expert) => Number(expert === at)));
  expect(forecast(recipe({ correction, weights: only(2) }), GRAPH, X)[0]).toBeCloseTo(205, 3);
  expect(forecast(recipe({ correction, weights: only(4) }), GRAPH, X)[0]).toBeCloseTo(100, 3);
});

test("forecasts are rounded as they are issued", () => {
  expect([0.5, 1.5, 2.5, 2.6, -0.5].map(roundEven)).toEqual([0, 2, 2, 3, -0]);
  expect(asIssued(recipe(), 80.4)).toBe(80);
  expect(asIssued(recipe({ whole: false }), 80.46)).toBe(80.5);
});

test("a file that is no model, or one of another kind, is refused", () => {
  expect(() => readModel(new TextEncoder().encode("no model"))).toThrow(RangeError);
  expect(() => readModel(model().subarray(0, 100))).toThrow(RangeError);
  expect(() => run(readModel(model("LSTM")), X, ["y"])).toThrow(UnsupportedModel);
  expect(() => run(GRAPH, X, ["y_other"])).toThrow(RangeError);
  expect(() => readRecipe(JSON.stringify(recipe({ format: 2 })))).toThrow(RangeError);
  expect(readRecipe(JSON.stringify(recipe()))).toEqual(recipe());
});

test("nothing changes without an assumption", () => {
  const { matrix: same, given } = changed(recipe(), X, UNCHANGED);
  expect(same.data).toEqual(X.data);
  expect(given).toEqual(recipe().given);
});

test("twice the pollution is twice the level, in all features that carry it", () => {
  const { matrix: now, given } = changed(recipe(), X, { ...UNCHANGED, level: 2 });
  const [level = 0, , , , , wave = 0, product = 0] = now.data.subarray(5 * FEATURES.length);
  expect(Math.exp(level + 4.5) - 5).toBeCloseTo(200, 3);
  expect(product).toBeCloseTo(level * wave, 6);
  expect(given["persistence"]?.[0]).toBe(120);
  expect(given["provider"]?.[0]).toBeNull();
  expect(forecast(recipe(), GRAPH, now, given)[0]).toBeCloseTo(Math.sqrt(205 * 125) - 5, 3);
});

test("more wind moves the wind of now and, where that is known, of the hours ahead", () => {
  const { matrix: now } = changed(recipe(), X, { ...UNCHANGED, wind: 2 });
  expect([...now.data.subarray(1, 5)]).toEqual([2, 2, 2, 1]);
  const { matrix: most } = changed(recipe({ scaled: { wind_speed: [1.5, 0.1] } }), X, { ...UNCHANGED, wind: 2 });
  expect(most.data[1]).toBe(6);
  const unknown = X.data.map((value, at) => (at % FEATURES.length === 4 ? 0 : value));
  const { matrix: without } = changed(recipe(), { ...X, data: unknown }, { ...UNCHANGED, wind: 2 });
  expect([...without.data.subarray(1, 5)]).toEqual([2, 2, 0, 0]);
});
