import { readdirSync } from "node:fs";
import { defineConfig } from "@lingui/cli";
import { formatter } from "@lingui/format-po";

// A catalogue a page, loaded with it, so that the first page does not wait for the messages of the others.
const features = readdirSync(new URL("src/features", import.meta.url));

export default defineConfig({
  sourceLocale: "en",
  locales: ["en", "hi"],
  catalogs: [
    { path: "src/app/locales/{locale}", include: ["src/app", "src/shared", "src/main.tsx"], exclude: ["**/*.test.*"] },
    ...features.map((name) => ({
      path: `src/features/${name}/locales/{locale}`,
      include: [`src/features/${name}`],
      exclude: ["**/*.test.*"],
    })),
  ],
  // Without origins, so that a moved line changes no catalogue.
  format: formatter({ origins: false, lineNumbers: false }),
  orderBy: "message",
});
