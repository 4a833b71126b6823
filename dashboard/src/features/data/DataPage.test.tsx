import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { expect, test, vi } from "vitest";
import type { HourHistory } from "../../shared/api/schema";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import { city, overview } from "../overview/testing";
import DataPage from "./DataPage";

function history(hours: number): HourHistory {
  return {
    interval: "hour",
    city: "Delhi",
    state: "Delhi",
    standard: "in-naqi",
    start: "2025-11-04T10:30:00Z",
    end: "2025-11-05T10:30:00Z",
    count: hours,
    expected: 10,
    units: { pm25: "µg/m³", co: "mg/m³" },
    simulated: false,
    points: Array.from({ length: hours }, (_, hour) => ({
      time: `2025-11-05T0${hour}:30:00Z`,
      aqi: 187 + hour,
      category: "Moderate",
      dominant_pollutant: "pm25",
      basis: "measured",
      source: "cpcb",
      flags: hour === 0 ? ["spike:pm10", "gap"] : [],
      pollutants: { pm25: 78.5 },
    })),
  };
}

async function open(answers: HourHistory[] = [history(3)], address = "/data") {
  const requests: URL[] = [];
  server.use(
    http.get("*/api/v1/overview", () => HttpResponse.json(overview([city("Pune", { aqi: 80 }), city("Delhi", { aqi: 300 })]))),
    http.get("*/api/v1/aqi/history/:city", ({ request }) => {
      requests.push(new URL(request.url));
      return HttpResponse.json(answers[Math.min(requests.length, answers.length) - 1]);
    }),
  );
  window.history.replaceState(null, "", address);
  await renderPage(<DataPage />, "data");
  await screen.findByRole("combobox", { name: "City" });
  return requests;
}

const address = () => within(screen.getByRole("heading", { name: "Address" }).parentElement ?? document.body).getByText(/^http/).textContent;

test("choices make the address, which download and code use too, and stand in the page's own", async () => {
  await open();
  const user = userEvent.setup();
  expect(address()).toBe("http://vayu.test/api/v1/aqi/history/delhi?days=7&format=csv");
  await user.selectOptions(screen.getByRole("combobox", { name: "City" }), "Pune");
  await user.clear(screen.getByRole("spinbutton", { name: "Number of days" }));
  await user.type(screen.getByRole("spinbutton", { name: "Number of days" }), "30");
  await user.click(screen.getByRole("radio", { name: "Days" }));
  await user.click(screen.getByRole("radio", { name: "US EPA" }));
  await user.click(screen.getByRole("radio", { name: "JSON" }));
  const url = "http://vayu.test/api/v1/aqi/history/pune?days=30&interval=day&standard=us-epa&format=json";
  expect(address()).toBe(url);
  const link = screen.getByRole("link", { name: "Download JSON" });
  expect(link).toHaveAttribute("href", url);
  expect(link).toHaveAttribute("download", "pune.json");
  expect(screen.getByText("up to 30 rows")).toBeVisible();
  expect(screen.getByText(/^curl -/)).toHaveTextContent(url);
  expect(screen.getByText(/IMPORTDATA/)).toHaveTextContent("format=csv");
  expect(window.location.search).toBe("?city=pune&days=30&interval=day&standard=us-epa&format=json");
});

test("a workbook can be had where the server writes them, and is said not to be where it does not", async () => {
  let status = 200;
  server.use(http.head("*/api/v1/aqi/history/delhi", () => new HttpResponse(null, { status })));
  await open([history(3)], "/data?format=xlsx");
  expect(await screen.findByRole("link", { name: "Download Excel" })).toHaveAttribute("download", "delhi.xlsx");
  status = 406;
  await userEvent.setup().click(screen.getByRole("radio", { name: "Parquet" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("This server does not write Parquet files. Choose CSV or JSON.");
  expect(screen.queryByRole("link", { name: /Download/ })).not.toBeInTheDocument();
});

test("dates are Indian days, both included", async () => {
  await open([history(3)], "/data?period=dates&from=2025-11-01&to=2025-11-02");
  expect(address()).toContain("start=2025-11-01T00%3A00%3A00%2B05%3A30&end=2025-11-03T00%3A00%3A00%2B05%3A30");
});

test("what the API would refuse is said at the field, and nothing is asked", async () => {
  const requests = await open([history(3)], "/data?days=4000");
  expect(screen.getByRole("alert")).toHaveTextContent("Give a whole number of days from 1 to 3,660.");
  expect(screen.getByRole("spinbutton")).toHaveAccessibleDescription(/from 1 to 3,660/);
  expect(screen.queryByRole("link", { name: /Download/ })).not.toBeInTheDocument();
  expect(screen.getByText("There is a preview as soon as the time can be answered.")).toBeVisible();
  expect(requests).toEqual([]);
});

test("the preview shows the first rows as the file spells them, by a request for ten hours", async () => {
  const requests = await open();
  const table = await screen.findByRole("table", { name: "The first rows" });
  expect(within(table).getAllByRole("row")).toHaveLength(4);
  expect(within(table).getByText("2025-11-05T00:30:00Z")).toBeVisible();
  expect(within(table).getByText("spike:pm10 gap")).toBeVisible();
  expect(within(table).getByRole("columnheader", { name: /PM2.5 ?µg\/m³/ })).toBeVisible();
  const [request] = requests;
  const length = Date.parse(request?.searchParams.get("end") ?? "") - Date.parse(request?.searchParams.get("start") ?? "");
  expect(length).toBe(10 * 3_600_000);
});

test("where the beginning is empty the end is shown, and said", async () => {
  const requests = await open([history(0), history(2)]);
  expect(await screen.findByRole("table", { name: /Nothing is stored at the beginning/ })).toBeVisible();
  expect(requests).toHaveLength(2);
});

test("where nothing is stored the page says why", async () => {
  await open([history(0)]);
  expect(await screen.findByText(/92 days by default/)).toBeVisible();
});

test("typing costs one preview, not one a digit", async () => {
  const requests = await open();
  await screen.findByRole("table");
  await userEvent.setup({ delay: 5 }).type(screen.getByRole("spinbutton"), "30");
  await waitFor(() => expect(requests).toHaveLength(2));
  expect(window.location.search).toBe("?days=730");
});

test("a text can be copied, or says that it must be done by hand", async () => {
  await open();
  const user = userEvent.setup();
  await user.click(screen.getByRole("button", { name: "Copy Address" }));
  expect(await screen.findByText("Copied")).toBeVisible();
  expect(await navigator.clipboard.readText()).toBe(address());
  vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new DOMException("no", "NotAllowedError"));
  await user.click(screen.getByRole("button", { name: "Copy Python" }));
  expect(await screen.findByText("Mark the text and copy it by hand")).toBeVisible();
});

test("in Hindi", async () => {
  await activate("hi");
  server.use(
    http.get("*/api/v1/overview", () => HttpResponse.json(overview([city("Delhi", { aqi: 300 })], true))),
    http.get("*/api/v1/aqi/history/:city", () => HttpResponse.json(history(1))),
  );
  await renderPage(<DataPage />, "data");
  expect(await screen.findByRole("option", { name: "दिल्ली" })).toBeVisible();
  expect(screen.getByText("कृत्रिम डेटा।")).toBeVisible();
});
