/** Builds dist/sw.js, with the list of the files it keeps; runs when everything else is in dist/. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
/** Larger files are kept when they are first used. */
const LARGEST = 400_000;

const files = readdirSync(dist, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(html|js|css|svg|png|webmanifest)$/.test(name) && name !== "sw.js")
  .filter((name) => statSync(join(dist, name)).size <= LARGEST)
  .sort()
  .map((name) => ({
    url: `/${name}`,
    // Names in assets/ hold a hash already.
    revision: name.startsWith("assets/") ? null : createHash("sha256").update(readFileSync(join(dist, name))).digest("hex").slice(0, 16),
  }));

await build({
  configFile: false,
  publicDir: false,
  logLevel: "warn",
  define: { FILES: JSON.stringify(files), "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: dist,
    emptyOutDir: false,
    target: "baseline-widely-available",
    lib: { entry: fileURLToPath(new URL("../src/worker/sw.ts", import.meta.url)), formats: ["iife"], name: "sw", fileName: () => "sw.js" },
  },
});
