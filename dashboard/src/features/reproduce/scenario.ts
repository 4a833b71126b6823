import type { Tensor } from "./onnx.ts";
import type { Recipe } from "./recipe.ts";

/** What is changed of the inputs. */
export interface Scenario {
  /** All pollutants of the last days were so many times what was measured. */
  level: number;
  /** Wind of the last six hours and of the hours ahead, more by so many m/s. */
  wind: number;
  /** Rain of the last six hours and of the hours ahead, more by so many mm an hour. */
  rain: number;
}

export const UNCHANGED: Scenario = { level: 1, wind: 0, rain: 0 };

export function isChanged({ level, wind, rain }: Scenario): boolean {
  return level !== 1 || wind !== 0 || rain !== 0;
}

/** Features of a weather variable that move by what it moves by: of the last hours, and of the hours ahead. */
const RECENT = ["1", "6", "3_change"];
const AHEAD = ["ahead", "ahead_way", "ahead_6", "ahead_12", "ahead_change", "ahead_3", "ahead_24", "ahead_least", "ahead_most"];

/** The input matrix under a scenario, and the forecasts of the experts that no model computes. */
export function changed(recipe: Recipe, matrix: Tensor, scenario: Scenario): { matrix: Tensor; given: Recipe["given"] } {
  const [rows = 0, width = 0] = matrix.shape;
  const data = matrix.data.slice();
  const column = new Map(recipe.features.map((name, at) => [name, at]));
  const value = (row: number, name: string) => data[row * width + (column.get(name) ?? -1)] ?? 0;
  const set = (row: number, name: string, to: number) => {
    const at = column.get(name);
    if (at !== undefined) data[row * width + at] = to;
  };
  for (let row = 0; row < rows; row++) {
    if (scenario.level !== 1) {
      const level = Math.exp(value(row, "level") + recipe.level_centre) - recipe.floor;
      const now = Math.log(Math.max(level * scenario.level, 0) + recipe.floor) - recipe.level_centre;
      set(row, "level", now);
      for (const wave of ["hour", "season"] as const)
        for (const part of ["sin", "cos"] as const) {
          const name = `level_${wave}_${part}`;
          if (value(row, name) !== 0) set(row, name, now * value(row, `${wave}_${part}`));
        }
    }
    weather(row, "wind_speed", scenario.wind);
    weather(row, "rain", scenario.rain);
  }

  function weather(row: number, name: string, more: number): void {
    const [, scale] = recipe.scaled[name] ?? [0, 0];
    if (more === 0 || scale === 0) return;
    const parts = value(row, "ahead_known") > 0 ? [...RECENT, ...AHEAD] : RECENT;
    for (const part of parts) {
      const moved = value(row, `${name}_${part}`) + more / scale;
      set(row, `${name}_${part}`, Math.min(Math.max(moved, -recipe.scaled_bound), recipe.scaled_bound));
    }
  }

  const given = Object.fromEntries(
    Object.entries(recipe.given).map(([expert, values]) => [
      expert,
      values.map((each) => (each === null ? null : Math.min(each * scenario.level, recipe.ceiling))),
    ]),
  );
  return { matrix: { shape: matrix.shape, data }, given };
}
