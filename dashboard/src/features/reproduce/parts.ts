import { ApiError } from "../../shared/api/errors";
import type { Reproduce } from "../../shared/api/schema";
import { readModel, type Graph, type Tensor } from "./onnx.ts";
import { readRecipe, type Recipe } from "./recipe.ts";

type Name = Reproduce["parts"][number]["name"];

/** A part is not what the list says it is. */
export class PartError extends Error {
  override readonly name = "PartError";
  readonly part: Name;

  constructor(part: Name) {
    super(`The ${part} is not the listed one`);
    this.part = part;
  }
}

export interface Parts {
  model: Graph;
  matrix: Tensor;
  recipe: Recipe;
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function fetched(listing: Reproduce, name: Name, signal: AbortSignal): Promise<ArrayBuffer> {
  const part = listing.parts.find((each) => each.name === name);
  if (part === undefined) throw new PartError(name);
  let response: Response;
  try {
    response = await fetch(new URL(part.url, window.location.origin), { signal });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw ApiError.fromNetwork(cause);
  }
  if (!response.ok) throw ApiError.fromAnswer(response, await response.json().catch(() => null));
  const bytes = await response.arrayBuffer();
  if (hex(await crypto.subtle.digest("SHA-256", bytes)) !== part.sha256) throw new PartError(name);
  return bytes;
}

/** Fetches the parts of a forecast and checks each against its SHA-256. */
export async function loadParts(listing: Reproduce, signal: AbortSignal): Promise<Parts> {
  const [model, matrix, text] = await Promise.all([
    fetched(listing, "model", signal),
    fetched(listing, "matrix", signal),
    fetched(listing, "recipe", signal),
  ]);
  const recipe = readRecipe(new TextDecoder().decode(text));
  const listed = listing.parts.find(({ name }) => name === "model")?.sha256;
  if (recipe.model_sha256 !== listed || recipe.target !== listing.target) throw new PartError("recipe");
  const width = recipe.features.length;
  const view = new DataView(matrix);
  const data = Float32Array.from({ length: matrix.byteLength / 4 }, (_, index) => view.getFloat32(4 * index, true));
  if (data.length !== recipe.y.length * width) throw new PartError("matrix");
  return { model: readModel(new Uint8Array(model)), matrix: { shape: [recipe.y.length, width], data }, recipe };
}
