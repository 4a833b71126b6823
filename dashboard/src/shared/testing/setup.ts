import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { activate, i18n } from "../i18n/i18n";
import { server } from "./server";

// A message on a page that no catalogue has: `npm run messages` was forgotten.
const missing = new Set<string>();
i18n.on("missing", ({ id, locale }) => missing.add(`${locale}: ${id}`));

// Builds run on machines that are busy with other tests.
configure({ asyncUtilTimeout: 10_000 });

beforeAll(() => server.listen({ onUnhandledFrame: "error" }));
beforeEach(async () => {
  localStorage.clear();
  window.history.replaceState(null, "", "/");
  await activate("en");
});
afterEach(() => {
  cleanup();
  server.resetHandlers();
  const ids = [...missing];
  missing.clear();
  expect(ids).toEqual([]);
});
afterAll(() => server.close());

// jsdom has no layout: charts are drawn at their starting width.
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
