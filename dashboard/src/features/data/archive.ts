import { decompress } from "fzstd";
import { type AsyncBuffer, parquetReadObjects } from "hyparquet";
import { ApiError } from "../../shared/api/errors";
import type { ArchivedFile, ArchiveChoice, ArchiveRow } from "./archiveChoice";
import { filesOf, spanOf } from "./archiveChoice";

/** One request at most: what a function in a cloud can answer with, and half of that again. */
const PIECE = 2_000_000;

/** The rows of a choice, oldest first. Of each file only the months and the columns are fetched that it asks for. */
export async function readArchive(files: ArchivedFile[], choice: ArchiveChoice, signal: AbortSignal): Promise<ArchiveRow[]> {
  const { start, end } = spanOf(choice);
  const filter = { time: { $gt: new Date(start), $lte: new Date(end) } };
  const columns = ["time", choice.column, "basis", "source"];
  const rows: ArchiveRow[] = [];
  for (const file of filesOf(files, choice)) {
    // One file after another: years come in their order, and a service that limits requests is not asked for all at once.
    // oxlint-disable-next-line no-await-in-loop
    const found = await parquetReadObjects({ file: remote(file, signal), columns, filter, compressors: { ZSTD: unpack } });
    for (const row of found) {
      const time: unknown = row["time"];
      if (!(time instanceof Date)) throw new TypeError(`${file.path} has no times`);
      rows.push({ time: time.toISOString().replace(".000", ""), value: number(row[choice.column]), basis: text(row["basis"]), source: text(row["source"]) });
    }
  }
  return rows;
}

function unpack(input: Uint8Array, length: number): Uint8Array {
  return decompress(input, new Uint8Array(length));
}

function text(cell: unknown): string {
  return typeof cell === "string" ? cell : "";
}

/** Values have single precision: the shortest number that is the same one, as in the CSV archive. */
function number(cell: unknown): number | null {
  if (typeof cell !== "number" || Number.isNaN(cell)) return null;
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(cell.toPrecision(digits));
    if (Math.fround(short) === cell) return short;
  }
  return cell;
}

/** A file of the archive as hyparquet reads it: by pieces. */
function remote(file: ArchivedFile, signal: AbortSignal): AsyncBuffer {
  const url = new URL(`/api/v1/archive/${file.path.split("/").map(encodeURIComponent).join("/")}`, window.location.origin);
  return {
    byteLength: file.bytes,
    slice: async (start, end = file.bytes) => {
      const bytes = new Uint8Array(end - start);
      for (let from = start; from < end; from += PIECE) {
        // oxlint-disable-next-line no-await-in-loop
        bytes.set(await fetchPiece(url, from, Math.min(from + PIECE, end), signal), from - start);
      }
      return bytes.buffer;
    },
  };
}

async function fetchPiece(url: URL, from: number, to: number, signal: AbortSignal): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { Range: `bytes=${from}-${to - 1}` }, signal });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw ApiError.fromNetwork(cause);
  }
  if (!response.ok) throw ApiError.fromAnswer(response, await response.json().catch(() => null));
  const bytes = new Uint8Array(await response.arrayBuffer());
  // What stands between may take no notice of Range, and give the whole.
  const piece = response.status === 206 ? bytes : bytes.subarray(from, to);
  if (piece.length !== to - from) throw new RangeError(`${url.pathname}: ${piece.length} bytes came instead of ${to - from}`);
  return piece;
}
