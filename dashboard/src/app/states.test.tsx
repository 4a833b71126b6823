/** Every page in every failure: what it says instead of its data, within the same header. */
import { render, screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createQueryClient } from "../shared/api/queryClient";
import { server } from "../shared/testing/server";
import { App } from "./App";

const PAGES = ["/", "/city/delhi", "/compare?cities=delhi,mumbai", "/record", "/models", "/sources", "/alerts", "/data"];

beforeEach(() => void vi.spyOn(window, "scrollTo").mockReturnValue());
afterEach(() => void Reflect.deleteProperty(navigator, "onLine"));

function offline() {
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
}

async function open(path: string) {
  window.history.replaceState(null, "", path);
  const client = createQueryClient();
  const defaults = client.getDefaultOptions();
  client.setDefaultOptions({ queries: { ...defaults.queries, retry: false } });
  render(<App queryClient={client} />);
  await screen.findByRole("heading", { level: 1 });
  return client;
}

const FAILURES = [
  ["the API is down", () => HttpResponse.error(), "The service cannot be reached", /tries again in \d+ seconds/],
  ["429", () => HttpResponse.json({}, { status: 429, headers: { "Retry-After": "30" } }), "Too many requests from your address", /tries again in (30|29|28) seconds/],
  ["503", () => HttpResponse.json({}, { status: 503 }), "The service is busy or being updated", /tries again in \d+ seconds/],
  ["500", () => HttpResponse.json({ detail: "Broken.", request_id: "r1" }, { status: 500 }), "The service failed", /Broken\./],
] as const;

test.each(PAGES.flatMap((page) => FAILURES.map(([name, answer, title, text]) => [page, name, answer, title, text] as const)))(
  "%s says what is wrong: %s",
  async (page, _, answer, title, text) => {
    server.use(http.get("*/api/v1/*", () => answer()));
    await open(page);
    expect((await screen.findAllByRole("heading", { name: title }))[0]).toBeVisible();
    expect(screen.getAllByText(text)[0]).toBeVisible();
    expect(screen.getByRole("banner")).toBeVisible();
  },
);

test.each(PAGES)("%s without a network and without anything kept says so", async (page) => {
  server.use(http.get("*/api/v1/*", () => HttpResponse.error()));
  offline();
  await open(page);
  expect((await screen.findAllByRole("heading", { name: "You are offline" }))[0]).toBeVisible();
  expect(screen.getByRole("banner")).toHaveTextContent("Offline");
});

test("the page asks again when Retry-After is over", async () => {
  let requests = 0;
  server.use(
    http.get("*/api/v1/overview", () => {
      requests += 1;
      return HttpResponse.json({}, { status: 429, headers: { "Retry-After": "5" } });
    }),
  );
  const client = await open("/");
  await waitFor(() => expect(requests).toBe(1));
  const query = client.getQueryCache().find({ queryKey: ["overview"] });
  await waitFor(() => expect(query?.state.status).toBe("error"));
  await waitFor(() => expect(requests).toBe(2), { timeout: 9000, interval: 100 });
  const [first = 0] = [query?.state.errorUpdatedAt];
  expect(Date.now() - first).toBeLessThan(9000);
});

test("the about page needs no service", async () => {
  server.use(http.get("*/api/v1/*", () => HttpResponse.error()));
  offline();
  await open("/about");
  expect(screen.getByRole("heading", { level: 1, name: "About Vayu" })).toBeVisible();
  expect(screen.queryByRole("alert")).not.toBeInTheDocument();
});

test("a page that asks for nothing does not say that it is connecting", async () => {
  await open("/about");
  expect(screen.getByRole("banner")).not.toHaveTextContent("Connecting");
});
