/**
 * Writes src/features/overview/outline.json: the outline of India as SVG paths, simplified.
 *
 * The shapes are those of @svg-maps/india (CC-BY-4.0): plain Mercator in a viewBox of 612 × 696. Its states are those of
 * 2018, so only the outline is drawn: the page strokes all paths first and fills them afterwards.
 */
import { writeFileSync } from "node:fs";
import india from "@svg-maps/india";
import simplify from "simplify-js";
import svgpath from "svgpath";

/** Units of the viewBox; 612 of them are the country's width. */
const TOLERANCE = 1;

function rings(path: string): { x: number; y: number }[][] {
  const result: { x: number; y: number }[][] = [];
  svgpath(path)
    .abs()
    .unshort()
    .iterate((segment, _index, x, y) => {
      const [command] = segment;
      if (command === "M") result.push([{ x: segment[1], y: segment[2] }]);
      else if (command === "L") result.at(-1)?.push({ x: segment[1], y: segment[2] });
      else if (command === "H") result.at(-1)?.push({ x: segment[1], y });
      else if (command === "V") result.at(-1)?.push({ x, y: segment[1] });
      else if (command !== "Z" && command !== "z") throw new Error(`The outline has a segment of an unknown kind: ${command}`);
    });
  return result;
}

const paths = india.locations.map((location) =>
  rings(location.path)
    .map((ring) => simplify(ring, TOLERANCE, true))
    .filter((ring) => ring.length > 2)
    .map((ring) => `M${ring.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L")}Z`)
    .join(""),
);

const outline = { viewBox: india.viewBox, path: paths.join("") };
writeFileSync(new URL("../src/features/overview/outline.json", import.meta.url), `${JSON.stringify(outline)}\n`);
