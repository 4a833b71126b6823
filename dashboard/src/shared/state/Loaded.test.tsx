import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { I18nProvider } from "@lingui/react";
import { act, render, screen } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { api, read } from "../api/client";
import { i18n } from "../i18n/i18n";
import { renderPage } from "../testing/render";
import { server } from "../testing/server";
import { Loaded } from "./Loaded";

const URL = "*/api/v1/health";

function Health() {
  const query = useQuery({ queryKey: ["health"], queryFn: () => read(api.GET("/health")) });
  return <Loaded query={query}>{(data) => <p>status {data.status}</p>}</Loaded>;
}

test.each([
  [HttpResponse.json({}, { status: 429, headers: { "Retry-After": "75" } }), "Too many requests from your address", "other windows"],
  [HttpResponse.json({}, { status: 503 }), "The service is busy or being updated", "for seconds or a few minutes"],
  [HttpResponse.error(), "The service cannot be reached", "does not answer"],
  [HttpResponse.json({ detail: "No city is called 'Dehli'." }, { status: 404 }), "There is no such thing here", "Dehli"],
  [HttpResponse.json({ detail: "Broken." }, { status: 500 }), "The service failed", "Broken."],
])("a failure has a text of its own (%#)", async (response, title, detail) => {
  server.use(http.get(URL, () => response.clone()));
  await renderPage(<Health />);
  expect(await screen.findByRole("heading", { name: title })).toBeVisible();
  expect(screen.getByRole("alert")).toHaveTextContent(detail);
});

test("data stay on the page when their renewal fails, and say so", async () => {
  server.use(http.get(URL, () => HttpResponse.json({ status: "healthy" })));
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={client}>
      <I18nProvider i18n={i18n}>
        <Health />
      </I18nProvider>
    </QueryClientProvider>,
  );
  await screen.findByText("status healthy");
  server.use(http.get(URL, () => HttpResponse.json({}, { status: 503 })));
  await act(() => client.refetchQueries());
  expect(await screen.findByRole("status")).toHaveTextContent("The service does not answer at the moment");
  expect(screen.getByText("status healthy")).toBeVisible();
});
