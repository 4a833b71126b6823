import { type Graph, roundEven, run, type Tensor } from "./onnx.ts";

/** How a forecast follows from what its models say: docs/reproduce.md. Arrays of 48 begin with the first lead time. */
export interface Recipe {
  format: number;
  target: "aqi" | "pm25";
  model_sha256: string;
  features: string[];
  level_centre: number;
  scaled: Record<string, [centre: number, scale: number]>;
  scaled_bound: number;
  outputs: Record<string, string>;
  given: Record<string, (number | null)[]>;
  averaged: string[];
  correction: number[];
  experts: string[];
  blocks: [first: number, last: number][];
  weights: number[][];
  floor: number;
  ceiling: number;
  whole: boolean;
  y: number[];
}

export const HOURS = 48;
const FORMAT = 1;

function isRecipe(value: unknown): value is Recipe {
  return (
    typeof value === "object" && value !== null && "format" in value && value.format === FORMAT && "y" in value && Array.isArray(value.y) && value.y.length === HOURS
  );
}

/** The recipe, whose SHA-256 has been checked: of its format, it has all its fields. */
export function readRecipe(data: string): Recipe {
  const recipe: unknown = JSON.parse(data);
  if (!isRecipe(recipe)) throw new RangeError("the recipe has another form");
  return recipe;
}

const bounded = (value: number, ceiling: number) => Math.min(Math.max(value, 0), ceiling);

/** The forecast of 48 hours, not rounded. `given` takes the place of the recipe's where an assumption changes it. */
export function forecast(recipe: Recipe, model: Graph, matrix: Tensor, given = recipe.given): number[] {
  const { floor, ceiling } = recipe;
  const outputs = run(model, matrix, Object.values(recipe.outputs));
  const logs: Record<string, (number | null)[]> = {};
  for (const [expert, output] of Object.entries(recipe.outputs))
    logs[expert] = Array.from(outputs.get(output) ?? [], (value) => Math.log(bounded(value, ceiling) + floor));
  for (const [expert, values] of Object.entries(given))
    logs[expert] = values.map((value) => (value === null ? null : Math.log(value + floor)));
  logs["mean"] = Array.from({ length: HOURS }, (_, hour) => {
    const values = recipe.averaged.map((expert) => logs[expert]?.[hour]).filter((value) => typeof value === "number");
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  });
  logs["mean_corrected"] = logs["mean"].map((value, hour) =>
    value === null ? null : Math.max(value + (recipe.correction[hour] ?? 0), Math.log(floor)),
  );
  return Array.from({ length: HOURS }, (_, hour) => {
    const block = recipe.blocks.findIndex(([first, last]) => first <= hour + 1 && hour + 1 <= last);
    let total = 0;
    let sum = 0;
    recipe.experts.forEach((expert, at) => {
      const value = logs[expert]?.[hour];
      if (typeof value !== "number") return;
      const weight = recipe.weights[block]?.[at] ?? 0;
      total += weight;
      sum += weight * value;
    });
    const log = total > 0 ? sum / total : (logs["mean"]?.[hour] ?? Number.NaN);
    return bounded(Math.exp(log) - floor, ceiling);
  });
}

/** As it is issued: to a whole number, or to one decimal. */
export function asIssued(recipe: Recipe, value: number): number {
  return recipe.whole ? roundEven(value) : Math.round(value * 10) / 10;
}
