import { HttpResponse, http } from "msw";
import { expect, test, vi } from "vitest";
import { createQueryClient } from "../shared/api/queryClient";
import { server } from "../shared/testing/server";
import { preload } from "./routes";

test.each([
  ["/city/delhi", ["/api/v1/aqi/pollutants/delhi", "/api/v1/forecast/delhi"]],
  ["/", ["/api/v1/overview"]],
])("of %s, what it shows first is asked for before it is drawn", async (path, expected) => {
  const requests: string[] = [];
  server.use(
    http.get("*/api/v1/*", ({ request }) => {
      requests.push(new URL(request.url).pathname);
      return HttpResponse.json({});
    }),
    http.get("*/api/v1/*/*/:city", ({ request }) => {
      requests.push(new URL(request.url).pathname);
      return HttpResponse.json({});
    }),
  );
  const client = createQueryClient();
  preload(path, client);
  await vi.waitFor(() => expect(client.isFetching()).toBe(0));
  expect(requests.toSorted()).toEqual(expected);
  expect(client.getQueryCache().getAll().map(({ state }) => state.status)).toEqual(expected.map(() => "success"));
});
