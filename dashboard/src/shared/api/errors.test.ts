import { HttpResponse, http } from "msw";
import { expect, test, vi } from "vitest";
import { server } from "../testing/server";
import { api, read } from "./client";
import { ApiError } from "./errors";

const URL = "*/api/v1/health";

async function failure(): Promise<ApiError> {
  const error = await read(api.GET("/health")).catch((caught: unknown) => caught);
  if (!(error instanceof ApiError)) throw new Error("no ApiError was thrown", { cause: error });
  return error;
}

test("429 carries the seconds to wait", async () => {
  server.use(
    http.get(URL, () =>
      HttpResponse.json(
        { type: "about:blank", title: "Too Many Requests", status: 429, detail: "Wait.", instance: "/", request_id: "1" },
        { status: 429, headers: { "Retry-After": "17" } },
      ),
    ),
  );
  const error = await failure();
  expect(error).toMatchObject({ kind: "too-many", status: 429, retryAfter: 17, message: "Wait.", temporary: true });
});

test("a Retry-After that is a date becomes seconds", async () => {
  const date = new Date(Date.now() + 90_000).toUTCString();
  server.use(http.get(URL, () => new HttpResponse("busy", { status: 503, headers: { "Retry-After": date } })));
  const error = await failure();
  expect(error.kind).toBe("unavailable");
  expect(error.retryAfter).toBeGreaterThan(80);
  expect(error.retryAfter).toBeLessThan(92);
});

test.each([
  [404, "not-found", false],
  [400, "refused", false],
  [500, "failed", true],
  [502, "unavailable", true],
] as const)("%i is %s", async (status, kind, temporary) => {
  server.use(http.get(URL, () => HttpResponse.json({ detail: "why" }, { status })));
  expect(await failure()).toMatchObject({ kind, temporary, message: "why" });
});

test("each poll asks the server whether an answer has changed", async () => {
  server.use(http.get(URL, () => HttpResponse.json({ status: "healthy" })));
  const requests = vi.spyOn(globalThis, "fetch");
  await read(api.GET("/health"));
  expect(requests.mock.calls.map(([request]) => request instanceof Request && request.cache)).toEqual(["no-cache"]);
});

test("no connection is told apart from a device without a network", async () => {
  server.use(http.get(URL, () => HttpResponse.error()));
  expect((await failure()).kind).toBe("unreachable");
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
  try {
    expect((await failure()).kind).toBe("offline");
  } finally {
    Reflect.deleteProperty(navigator, "onLine");
  }
});
