import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { beforeEach, expect, test } from "vitest";
import type { Comparison, ComparedCity } from "../../shared/api/schema";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import ComparePage from "./ComparePage";

const NAMES = ["Delhi", "Mumbai", "Pune"];

function compared(city: string, mean: number | null): ComparedCity {
  return {
    city,
    state: "State",
    hours: mean === null ? 0 : 700,
    days: mean === null ? 0 : 30,
    aqi_mean: mean,
    aqi_max: mean === null ? null : Math.round(mean + 40),
    aqi_max_date: mean === null ? null : "2025-11-04",
    aqi_min: mean === null ? null : Math.round(mean - 40),
    aqi_min_date: mean === null ? null : "2025-10-20",
    aqi_highest_hour: mean === null ? null : Math.round(mean + 60),
    category_days: mean === null ? {} : { Good: 0, Satisfactory: 0, Moderate: 0, Poor: 10, "Very Poor": 20, Severe: 0 },
    pollutants: mean === null ? {} : { pm25: 150.25, co: 1.25 },
    basis: mean === null ? {} : { measured: 650, modelled: 50, implied: 0 },
  };
}

function comparison(cities: ComparedCity[], errors: Comparison["errors"] = []): Comparison {
  return {
    days: 30,
    standard: "in-naqi",
    start: "2025-10-06T18:30:00Z",
    end: "2025-11-05T10:30:00Z",
    hours_expected: 712,
    units: { pm25: "µg/m³", co: "mg/m³" },
    simulated: false,
    cities,
    errors,
  };
}

let requests: URL[] = [];

beforeEach(() => {
  requests = [];
  server.use(
    http.get("*/api/v1/cities/", () =>
      HttpResponse.json({
        count: 3,
        standard: "in-naqi",
        simulated: false,
        cities: NAMES.map((name) => ({ name, slug: name.toLowerCase(), state: "", latitude: 0, longitude: 0, aliases: [], latest: null })),
      }),
    ),
    http.get("*/api/v1/cities/compare", ({ request }) => {
      const url = new URL(request.url);
      requests.push(url);
      return HttpResponse.json(comparison([compared("Delhi", 310.4), compared("Mumbai", null)]));
    }),
    http.get("*/api/v1/aqi/history/:city", ({ params }) =>
      HttpResponse.json({
        interval: "hour",
        city: params["city"] === "delhi" ? "Delhi" : "Mumbai",
        start: "2025-11-04T10:30:00Z",
        end: "2025-11-05T10:30:00Z",
        points: [
          { time: "2025-11-05T08:30:00Z", aqi: 300, source: "cpcb", basis: "measured" },
          { time: "2025-11-05T10:30:00Z", aqi: 320, source: "cpcb", basis: "modelled" },
        ],
      }),
    ),
  );
});

async function open(search: string) {
  window.history.replaceState(null, "", `/compare${search}`);
  await renderPage(<ComparePage />, "compare");
}

test("cities are added and removed, and the address holds them", async () => {
  await open("?cities=delhi");
  expect(screen.getByRole("heading", { name: "Choose two to ten cities" })).toBeVisible();
  await screen.findByRole("option", { name: "Mumbai" });
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Add a city" }), "Mumbai");
  expect(window.location.search).toBe("?cities=delhi%2Cmumbai");
  expect(await screen.findByRole("table", { name: "Index of the cities" })).toBeVisible();
  expect(requests.map((url) => url.search)).toEqual(["?cities=delhi,mumbai&days=30"]);
  await userEvent.click(screen.getByRole("button", { name: "Remove Delhi" }));
  expect(window.location.search).toBe("?cities=mumbai");
});

test("measures say how many hours and which basis they rest on", async () => {
  await open("?cities=delhi,mumbai");
  const [, delhi, mumbai] = within(await screen.findByRole("table", { name: "Index of the cities" })).getAllByRole("row");
  expect(delhi).toHaveTextContent("DelhiAQI 310Very Poor350 (4 Nov)270 (20 Oct)370700measured at stations: 650 h; modelled, not measured: 50 h");
  expect(mumbai).toHaveTextContent("Mumbaino data–––0");
  const [head, means] = within(screen.getByRole("table", { name: "Mean concentrations over all hours" })).getAllByRole("row");
  expect(head).toHaveTextContent("CityPM2.5, µg/m³CO, mg/m³");
  expect(means).toHaveTextContent("Delhi150.31.25");
});

test("days by category are drawn and have a table", async () => {
  await open("?cities=delhi,mumbai&days=365");
  const chart = within(await screen.findByRole("figure", { name: "Days in each category" }));
  expect(chart.getByRole("img", { name: "Delhi, days: Poor 10, Very Poor 20" }).querySelectorAll("rect")).toHaveLength(2);
  expect(chart.getByText("no day with an index")).toBeVisible();
  await userEvent.click(chart.getByRole("button", { name: "Show as a table" }));
  expect(chart.getAllByRole("row")[1]).toHaveTextContent("Delhi00010200");
  expect(requests[0]?.searchParams.get("days")).toBe("365");
});

test("the weeks share a scale, and break where hours are missing", async () => {
  await open("?cities=delhi,mumbai");
  const delhi = await screen.findByRole("img", { name: "Delhi: AQI between 300 and 320" });
  expect(delhi.querySelector("path.line")?.getAttribute("d")?.match(/M/g)).toHaveLength(2);
  expect(screen.getByText(/Sources: CPCB \(data\.gov\.in\); measured at stations, modelled, not measured\. Newest hour: 5 Nov, 4:00 pm IST\./)).toBeVisible();
});

test("a city that is unknown is named, with those that were perhaps meant", async () => {
  server.use(
    http.get("*/api/v1/cities/compare", () =>
      HttpResponse.json(
        comparison([compared("Delhi", 300)], [{ city: "mumbay", status: 404, detail: "unknown city 'mumbay'", nearest: ["Mumbai"] }]),
      ),
    ),
  );
  await open("?cities=delhi,mumbay");
  expect(await screen.findByText("“mumbay” is none of the cities. Did you mean Mumbai?")).toBeVisible();
});
