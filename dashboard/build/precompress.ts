/** Writes a .br and a .gz beside each file of dist/ that a browser asks for and that compresses, as servers of static files expect. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url)); // the folder may have a blank in its name
const names = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) =>
  /\.(html|js|css|svg|json|webmanifest|txt|wasm)$/.test(name),
);
for (const name of names) {
  const path = join(dist, name);
  const content = readFileSync(path);
  const brotli = brotliCompressSync(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
  });
  writeFileSync(`${path}.br`, brotli);
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
}
