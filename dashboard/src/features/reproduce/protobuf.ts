/** Reads the wire format of Protocol Buffers: as much of it as ONNX files need. */

export type Field = { number: number } & ({ wire: 0; value: number } | { wire: 2; bytes: Uint8Array } | { wire: 5; value: number });

/** The fields of a message, in their order. */
export function* fields(message: Uint8Array): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const varint = () => {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError("the file ends too early");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const wire = key % 8;
    if (wire === 0) {
      yield { number, wire, value: varint() };
    } else if (wire === 2) {
      const length = varint();
      if (at + length > message.length) throw new RangeError("the file ends too early");
      yield { number, wire, bytes: message.subarray(at, at + length) };
      at += length;
    } else if (wire === 5) {
      yield { number, wire, value: view.getFloat32(at, true) };
      at += 4;
    } else if (wire === 1) {
      at += 8;
    } else {
      throw new RangeError("the file is no ONNX model");
    }
  }
}

/** The numbers of a repeated field, packed or one by one. */
export function numbers(field: Field, kind: "int" | "float"): number[] {
  if (field.wire !== 2) return [field.value];
  const { bytes } = field;
  if (kind === "float") {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(4 * index, true));
  }
  const values: number[] = [];
  let value = 0;
  let factor = 1;
  for (const byte of bytes) {
    value += (byte & 127) * factor;
    factor *= 128;
    if (byte < 128) {
      values.push(value);
      value = 0;
      factor = 1;
    }
  }
  return values;
}

const decoder = new TextDecoder();

export function text(field: Field): string {
  if (field.wire !== 2) throw new RangeError("the file is no ONNX model");
  return decoder.decode(field.bytes);
}

/** A nested message, or raw bytes. */
export function content(field: Field): Uint8Array {
  if (field.wire !== 2) throw new RangeError("the file is no ONNX model");
  return field.bytes;
}
