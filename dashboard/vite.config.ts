import { lingui } from "@lingui/vite-plugin";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const api = process.env["VAYU_API"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [lingui({ macroTransform: true }), react()],
  server: { proxy: { "/api": { target: api, ws: true } } },
  preview: { proxy: { "/api": { target: api, ws: true } } },
  build: {
    target: "baseline-widely-available",
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        chunkFileNames: ({ name }) => `assets/${name.split("~")[0]}-[hash].js`,
        // Some forty files of a kilobyte would each wait for their turn: one for the start, and one for what pages share.
        codeSplitting: {
          groups: [
            { name: "start", tags: ["$initial"], priority: 2 },
            { name: "common", minShareCount: 2, entriesAware: true, entriesAwareMergeThreshold: 40_000 },
          ],
        },
      },
    },
  },
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: "http://vayu.test/" } },
    // jsdom is loaded once for each thread and not for each file, which took half the time of all tests.
    pool: "vmThreads",
    setupFiles: ["src/shared/testing/globals.ts", "src/shared/testing/setup.ts"],
    restoreMocks: true,
    testTimeout: 20_000,
  },
});
