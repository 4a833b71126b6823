import type { Reproduce } from "../../shared/api/schema";
import { HOURS, type Recipe } from "./recipe";

type Value = number | string | Uint8Array;

function varint(value: number): number[] {
  const low = value % 128;
  return value < 128 ? [low] : [low + 128, ...varint(Math.floor(value / 128))];
}

/** A message of Protocol Buffers, of pairs of field number and value. */
function message(...parts: [number, Value][]): Uint8Array {
  const encoder = new TextEncoder();
  return Uint8Array.from(
    parts.flatMap(([number, value]) => {
      if (typeof value === "number") return [...varint(number * 8), ...varint(value)];
      const bytes = typeof value === "string" ? encoder.encode(value) : value;
      return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
    }),
  );
}

const constant = (name: string, value: number, kind: 1 | 7): [number, Uint8Array] => {
  const raw = new DataView(new ArrayBuffer(kind === 1 ? 4 : 8));
  if (kind === 1) raw.setFloat32(0, value, true);
  else raw.setBigInt64(0, BigInt(value), true);
  return [5, message([2, kind], [8, name], [9, new Uint8Array(raw.buffer)])];
};

const step = (op: string, inputs: string[], output: string, axis?: number): [number, Uint8Array] => [
  1,
  message(
    ...inputs.map((input): [number, Value] => [1, input]),
    [2, output],
    [4, op],
    ...(axis === undefined ? [] : [[5, message([1, "axis"], [3, axis], [20, 2])] satisfies [number, Value]]),
  ),
];

/** An ONNX file: the level of the row, a tenth less for each m/s of wind, less 5. */
export function model(exp = "Exp"): Uint8Array {
  return message([
    7,
    message(
      step("Gather", ["X", "level_column"], "level", 1),
      step("Gather", ["X", "wind_column"], "wind", 1),
      step("Mul", ["wind", "effect"], "less"),
      step("Add", ["level", "centre"], "whole"),
      step("Add", ["whole", "less"], "log"),
      step(exp, ["log"], "with_floor"),
      step("Sub", ["with_floor", "floor"], "unbounded"),
      step("Clip", ["unbounded", "zero", "ceiling"], "y"),
      constant("level_column", 0, 7),
      constant("wind_column", 1, 7),
      constant("effect", -0.1, 1),
      constant("centre", 4.5, 1),
      constant("floor", 5, 1),
      constant("zero", 0, 1),
      constant("ceiling", 500, 1),
    ),
  ]);
}

export const FEATURES = ["level", "wind_speed_1", "wind_speed_6", "wind_speed_ahead", "ahead_known", "hour_sin", "level_hour_sin"];

/** Its input: a level of 100 at each hour, no wind beside the usual. */
export function matrix(): Float32Array {
  const level = Math.log(105) - 4.5;
  return Float32Array.from(
    Array.from({ length: HOURS }, (_, hour) => {
      const wave = Math.sin((2 * Math.PI * hour) / 24);
      return [level, 0, 0, 0, 1, wave, level * wave];
    }).flat(),
  );
}

/** Half of what the model says, and half of a naive forecast of 60, as logarithms. */
export const EXPECTED = Math.sqrt(105 * 65) - 5;

export function recipe(changes: Partial<Recipe> = {}): Recipe {
  return {
    format: 1,
    target: "aqi",
    model_sha256: "",
    features: FEATURES,
    level_centre: 4.5,
    scaled: { wind_speed: [1.5, 1], rain: [0, 1] },
    scaled_bound: 6,
    outputs: { linear: "y" },
    given: { persistence: Array<number>(HOURS).fill(60), provider: Array<null>(HOURS).fill(null) },
    averaged: ["linear"],
    correction: Array<number>(HOURS).fill(0),
    experts: ["linear", "mean", "mean_corrected", "persistence", "provider"],
    blocks: [
      [1, 24],
      [25, 48],
    ],
    weights: [
      [0.25, 0, 0, 0.25, 0.5],
      [0.1, 0.2, 0.2, 0.5, 0],
    ],
    floor: 5,
    ceiling: 500,
    whole: true,
    y: Array<number>(HOURS).fill(EXPECTED),
    ...changes,
  };
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", data)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export interface Published {
  listing: Reproduce;
  files: Record<Reproduce["parts"][number]["name"], Uint8Array<ArrayBuffer>>;
}

/** A forecast and its parts, as the API gives them. */
export async function published(changes: Partial<Recipe> = {}, file = model()): Promise<Published> {
  const files = {
    model: Uint8Array.from(file),
    matrix: new Uint8Array(Float32Array.from(matrix()).buffer),
    recipe: new Uint8Array(0),
  };
  const parts = recipe({ model_sha256: await sha256(files.model), ...changes });
  files.recipe = Uint8Array.from(new TextEncoder().encode(JSON.stringify(parts)));
  const part = async (name: keyof typeof files) => ({
    name,
    url: `/api/v1/${name}`,
    sha256: await sha256(files[name]),
    bytes: files[name].length,
    media_type: "application/octet-stream",
  });
  const values = Array<number>(HOURS).fill(Math.round(EXPECTED));
  const listing: Reproduce = {
    city: "Delhi",
    target: "aqi",
    issued_at: "2025-11-05T10:42:00Z",
    origin: "2025-11-05T10:30:00Z",
    known_until: "2025-11-05T10:30:00Z",
    model: "delhi-aqi-1",
    simulated: false,
    parts: await Promise.all([part("model"), part("matrix"), part("recipe")]),
    rule: [],
    tolerance: 1e-6,
    issued: { values, lower_80: values, upper_80: values, lower_95: values, upper_95: values },
  };
  return { listing, files };
}
