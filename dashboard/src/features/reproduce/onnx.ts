/**
 * Runs the ONNX graphs that `common/training/export.py` writes: linear models by lead time and ensembles of trees. Every value is
 * a float32, as in onnxruntime, against which `tests/training/test_dashboard_evaluator.py` holds it.
 */
import { content, fields, numbers, text } from "./protobuf.ts";

/** Row-major; integers and truth values are small enough to be exact in float32. */
export interface Tensor {
  shape: number[];
  data: Float32Array;
}

interface Node {
  op: string;
  inputs: string[];
  outputs: string[];
  number: Map<string, number>;
  list: Map<string, number[]>;
  words: Map<string, string[]>;
}

export interface Graph {
  nodes: Node[];
  constants: Map<string, Tensor>;
}

/** A model of a kind that is not run here, such as an LSTM. */
export class UnsupportedModel extends Error {
  override readonly name = "UnsupportedModel";
}

const size = (shape: number[]) => shape.reduce((product, length) => product * length, 1);

function tensor(message: Uint8Array): [string, Tensor] {
  const shape: number[] = [];
  let name = "";
  let kind = 0;
  let raw: Uint8Array | undefined;
  let data: number[] = [];
  for (const field of fields(message)) {
    if (field.number === 1) shape.push(...numbers(field, "int"));
    else if (field.number === 2) [kind = 0] = numbers(field, "int");
    else if (field.number === 4) data = data.concat(numbers(field, "float"));
    else if (field.number === 7) data = data.concat(numbers(field, "int"));
    else if (field.number === 8) name = text(field);
    else if (field.number === 9) raw = content(field);
  }
  if (raw !== undefined) {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    data = Array.from({ length: size(shape) }, (_, index) => {
      if (kind === 1) return view.getFloat32(4 * index, true);
      if (kind === 7) return Number(view.getBigInt64(8 * index, true));
      throw new UnsupportedModel(`constants of type ${kind}`);
    });
  }
  return [name, { shape, data: Float32Array.from(data) }];
}

function node(message: Uint8Array): Node {
  const read: Node = { op: "", inputs: [], outputs: [], number: new Map(), list: new Map(), words: new Map() };
  for (const field of fields(message)) {
    if (field.number === 1) read.inputs.push(text(field));
    else if (field.number === 2) read.outputs.push(text(field));
    else if (field.number === 4) read.op = text(field);
    else if (field.number === 5) attribute(read, content(field));
  }
  return read;
}

function attribute(of: Node, message: Uint8Array): void {
  const list: number[] = [];
  const words: string[] = [];
  let name = "";
  for (const field of fields(message)) {
    if (field.number === 1) name = text(field);
    else if (field.number === 2 || field.number === 3) for (const value of numbers(field, "int")) of.number.set(name, value);
    else if (field.number === 4 || field.number === 9) words.push(text(field));
    else if (field.number === 7) for (const value of numbers(field, "float")) list.push(value);
    else if (field.number === 8) for (const value of numbers(field, "int")) list.push(value);
  }
  if (list.length > 0) of.list.set(name, list);
  if (words.length > 0) of.words.set(name, words);
}

/** Reads a model file. */
export function readModel(file: Uint8Array): Graph {
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
  for (const model of fields(file)) {
    if (model.number !== 7) continue;
    for (const field of fields(content(model))) {
      if (field.number === 1) nodes.push(node(content(field)));
      else if (field.number === 5) constants.set(...tensor(content(field)));
    }
  }
  if (nodes.length === 0) throw new RangeError("the file is no ONNX model");
  return { nodes, constants };
}

/** Values of one or more tensors, element by element, with the smaller ones repeated. */
function elementwise(inputs: Tensor[], apply: (...values: number[]) => number): Tensor {
  const rank = Math.max(...inputs.map(({ shape }) => shape.length));
  const padded = inputs.map(({ shape }) => [...Array<number>(rank - shape.length).fill(1), ...shape]);
  const shape = Array.from({ length: rank }, (_, axis) => Math.max(...padded.map((lengths) => lengths[axis] ?? 1)));
  const data = new Float32Array(size(shape));
  const steps = padded.map((lengths) => {
    let step = 1;
    const each = Array<number>(rank).fill(0);
    for (let axis = rank - 1; axis >= 0; axis--) {
      const length = lengths[axis] ?? 1;
      if (length > 1) each[axis] = step;
      step *= length;
    }
    return each;
  });
  const values = Array<number>(inputs.length).fill(0);
  for (let index = 0; index < data.length; index++) {
    inputs.forEach((input, which) => {
      let rest = index;
      let at = 0;
      for (let axis = rank - 1; axis >= 0; axis--) {
        const length = shape[axis] ?? 1;
        at += (rest % length) * (steps[which]?.[axis] ?? 0);
        rest = Math.floor(rest / length);
      }
      values[which] = input.data[at] ?? Number.NaN;
    });
    data[index] = apply(...values);
  }
  return { shape, data };
}

function gather(from: Tensor, indices: Tensor, axis: number): Tensor {
  const outer = size(from.shape.slice(0, axis));
  const length = from.shape[axis] ?? 1;
  const inner = size(from.shape.slice(axis + 1));
  const data = new Float32Array(outer * indices.data.length * inner);
  let at = 0;
  for (let block = 0; block < outer; block++) {
    for (const index of indices.data) {
      const start = (block * length + (index < 0 ? index + length : index)) * inner;
      data.set(from.data.subarray(start, start + inner), at);
      at += inner;
    }
  }
  return { shape: [...from.shape.slice(0, axis), ...indices.shape, ...from.shape.slice(axis + 1)], data };
}

function concatenated(parts: Tensor[]): Tensor {
  const rows = parts[0]?.shape[0] ?? 0;
  const widths = parts.map(({ shape }) => shape[1] ?? 1);
  const width = widths.reduce((sum, value) => sum + value, 0);
  const data = new Float32Array(rows * width);
  for (let row = 0, at = 0; row < rows; row++) {
    parts.forEach((part, which) => {
      const own = widths[which] ?? 0;
      data.set(part.data.subarray(row * own, (row + 1) * own), at);
      at += own;
    });
  }
  return { shape: [rows, width], data };
}

/** The sums of the rows of a matrix. */
function rowSums({ shape, data }: Tensor): Tensor {
  const [rows = 0, width = 0] = shape;
  const sums = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < width; column++) sum += data[row * width + column] ?? 0;
    sums[row] = sum;
  }
  return { shape: [rows], data: sums };
}

/** Regression trees whose leaves are added up. */
function trees(X: Tensor, { list, words }: Node): Tensor {
  const of = (name: string) => list.get(name) ?? [];
  const tree = of("nodes_treeids");
  const id = of("nodes_nodeids");
  const feature = of("nodes_featureids");
  const limit = Float32Array.from(of("nodes_values"));
  const mode = words.get("nodes_modes") ?? [];
  const aggregate = words.get("aggregate_function")?.[0] ?? "SUM";
  const known = new Set(["LEAF", "BRANCH_LEQ", "BRANCH_LT"]);
  if (aggregate !== "SUM" || (words.get("post_transform")?.[0] ?? "NONE") !== "NONE" || !mode.every((word) => known.has(word)))
    throw new UnsupportedModel("trees of another kind");
  const place = new Map<string, number>();
  const roots: number[] = [];
  tree.forEach((number, at) => {
    place.set(`${number}/${id[at]}`, at);
    if (at === 0 || tree[at - 1] !== number) roots.push(at);
  });
  const child = (ids: number[]) => Int32Array.from(ids, (to, at) => place.get(`${tree[at]}/${to}`) ?? -1);
  const yes = child(of("nodes_truenodeids"));
  const no = child(of("nodes_falsenodeids"));
  const leaf = new Float32Array(tree.length);
  const targetTree = of("target_treeids");
  const targetNode = of("target_nodeids");
  of("target_weights").forEach((weight, at) => {
    leaf[place.get(`${targetTree[at]}/${targetNode[at]}`) ?? -1] = weight;
  });
  const base = Math.fround(of("base_values")[0] ?? 0);
  const [rows = 0, width = 0] = X.shape;
  const data = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (const root of roots) {
      let at = root;
      while (mode[at] !== "LEAF") {
        const value = X.data[row * width + (feature[at] ?? 0)] ?? Number.NaN;
        const below = mode[at] === "BRANCH_LEQ" ? value <= (limit[at] ?? 0) : value < (limit[at] ?? 0);
        at = (below ? yes[at] : no[at]) ?? -1;
        if (at < 0) throw new RangeError("a tree of the model has no such branch");
      }
      sum = Math.fround(sum + (leaf[at] ?? 0));
    }
    data[row] = sum + base;
  }
  return { shape: [rows, 1], data };
}

/** Halves go to even, as in IEEE 754. */
export function roundEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

const one = (inputs: Tensor[], index = 0): Tensor => {
  const input = inputs[index];
  if (input === undefined) throw new RangeError("a step of the model lacks an input");
  return input;
};

const STEPS: Record<string, (inputs: Tensor[], step: Node) => Tensor> = {
  Add: (inputs) => elementwise(inputs, (a = 0, b = 0) => a + b),
  Cast: (inputs, { number }) => {
    if (number.get("to") !== 7) throw new UnsupportedModel("Cast to another type");
    return elementwise(inputs, (value = 0) => Math.trunc(value));
  },
  Clip: (inputs) => elementwise(inputs, (value = 0, low = 0, high = 0) => Math.min(Math.max(value, low), high)),
  Concat: (inputs, { number }) => {
    if (number.get("axis") !== 1) throw new UnsupportedModel("Concat of rows");
    return concatenated(inputs);
  },
  Exp: (inputs) => elementwise(inputs, (value = 0) => Math.exp(value)),
  Gather: (inputs, { number }) => gather(one(inputs), one(inputs, 1), number.get("axis") ?? 0),
  Greater: (inputs) => elementwise(inputs, (a = 0, b = 0) => Number(a > b)),
  Identity: (inputs) => one(inputs),
  Less: (inputs) => elementwise(inputs, (a = 0, b = 0) => Number(a < b)),
  Max: (inputs) => elementwise(inputs, Math.max),
  Mean: (inputs) => elementwise(inputs, (...values) => values.reduce((sum, value) => Math.fround(sum + value), 0) / values.length),
  Min: (inputs) => elementwise(inputs, Math.min),
  Mul: (inputs) => elementwise(inputs, (a = 0, b = 0) => a * b),
  ReduceSum: (inputs, { number }) => {
    if (number.get("keepdims") !== 0 || one(inputs, 1).data[0] !== 1 || one(inputs).shape.length !== 2)
      throw new UnsupportedModel("ReduceSum of another axis");
    return rowSums(one(inputs));
  },
  Round: (inputs) => elementwise(inputs, (value = 0) => roundEven(value)),
  Squeeze: (inputs) => ({ shape: one(inputs).shape.slice(0, 1), data: one(inputs).data }),
  Sub: (inputs) => elementwise(inputs, (a = 0, b = 0) => a - b),
  Sum: (inputs) => elementwise(inputs, (...values) => values.reduce((sum, value) => Math.fround(sum + value), 0)),
  TreeEnsembleRegressor: (inputs, step) => trees(one(inputs), step),
  Unsqueeze: (inputs) => ({ shape: [...one(inputs).shape, 1], data: one(inputs).data }),
  Where: (inputs) => elementwise(inputs, (is = 0, yes = 0, no = 0) => (is === 0 ? no : yes)),
};

/** The named outputs of a model for the rows of X. */
export function run({ nodes, constants }: Graph, X: Tensor, outputs: string[]): Map<string, Float32Array> {
  const values = new Map(constants).set("X", X);
  for (const step of nodes) {
    const apply = STEPS[step.op];
    if (apply === undefined) throw new UnsupportedModel(step.op);
    const inputs = step.inputs.map((name) => {
      const input = values.get(name);
      if (input === undefined) throw new RangeError(`the model has no ${name}`);
      return input;
    });
    const [output] = step.outputs;
    if (output !== undefined) values.set(output, apply(inputs, step));
  }
  return new Map(
    outputs.map((name) => {
      const value = values.get(name);
      if (value === undefined) throw new RangeError(`the model has no output ${name}`);
      return [name, value.data];
    }),
  );
}
