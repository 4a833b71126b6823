import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http, type JsonBodyType } from "msw";
import { expect, test } from "vitest";
import { Route, Switch } from "wouter";
import type { Confidence } from "../../shared/api/schema";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import CityPage from "./CityPage";
import { forecast, history, pollutants } from "./testing";

const CONFIDENCE: Confidence = {
  city: "Delhi",
  target: "aqi",
  mode: "live",
  days: 90,
  simulated: false,
  start: "2025-10-01T00:30:00Z",
  end: "2025-11-01T00:30:00Z",
  pooled: {
    n: 1234,
    interval_80: { nominal: 0.8, realised: 0.823, width: 60 },
    interval_95: { nominal: 0.95, realised: 0.941, width: 110 },
    pinball: 9,
  },
  by_block: [],
  by_lead: [],
  reliability: null,
};

interface Answers {
  pollutants?: JsonBodyType | Response;
  forecast?: JsonBodyType | Response;
  history?: JsonBodyType;
  confidence?: JsonBodyType;
}

function answer(body: JsonBodyType | Response): Response {
  return body instanceof Response ? body.clone() : HttpResponse.json(body);
}

async function open(answers: Answers = {}, path = "/city/delhi") {
  window.history.replaceState(null, "", path);
  server.use(
    http.get("*/api/v1/aqi/pollutants/:city", () => answer(answers.pollutants ?? pollutants())),
    http.get("*/api/v1/forecast/confidence/:city", () => HttpResponse.json(answers.confidence ?? CONFIDENCE)),
    http.get("*/api/v1/forecast/:city", () => answer(answers.forecast ?? forecast())),
    http.get("*/api/v1/aqi/history/:city", ({ request }) => {
      const hours = new URL(request.url).searchParams.get("days") === "7" ? 168 : 24;
      return HttpResponse.json(answers.history ?? history(hours, [3]));
    }),
  );
  await renderPage(
    <Switch>
      <Route path="/city/:slug">
        <CityPage />
      </Route>
    </Switch>,
    "city",
  );
}

const section = (name: string) => within(screen.getByRole("region", { name }));

test("now: index, category, source, stations, age, and what drives it", async () => {
  await open();
  expect(await screen.findByText("CPCB, measured at stations, 38 stations")).toBeVisible();
  const now = section("Now");
  expect(screen.getByRole("heading", { level: 1, name: "Air quality in Delhi" })).toBeVisible();
  expect(now.getByText("Very Poor")).toBeVisible();
  expect(now.getByText(/^ending .* IST, \d+ minutes ago$/)).toBeVisible();
  expect(now.getByText("PM2.5")).toBeVisible();
});

test("advice is given by group, for the category", async () => {
  await open();
  expect(await screen.findByText("Respiratory illness on prolonged exposure.")).toBeVisible();
  const groups = section("Now").getAllByRole("term").map((term) => term.textContent);
  expect(groups).toEqual(expect.arrayContaining(["Everyone", "Children, older and pregnant people", "People who work outdoors"]));
});

test("stale data say who has sent nothing, and since when", async () => {
  await open({ pollutants: pollutants({ stale: true, timestamp: "2025-11-05T10:30:00Z" }) });
  expect(await screen.findByText(/CPCB has sent nothing since 5 Nov, 4:00 pm IST, \d+ days ago/)).toBeVisible();
});

test("a withheld index says why", async () => {
  await open({ pollutants: pollutants({ aqi: null, category: null, withheld: "sub-indices of 1 pollutants; the AQI needs at least 3" }) });
  expect(await screen.findByText(/It needs sub-indices of at least 3 pollutants; there are 1\./)).toBeVisible();
  expect(screen.queryByText("What to do")).not.toBeInTheDocument();
});

test("doubtful values are in words", async () => {
  await open({ pollutants: pollutants({ flags: ["spike:pm10", "gap"] }) });
  expect(await screen.findByText("PM10: a sudden jump; hours without any data")).toBeVisible();
});

test("the fan chart says its peak, shows both intervals and its table", async () => {
  await open();
  const chart = within(await screen.findByRole("figure", { name: "Forecast of the index, hour by hour" }));
  expect(chart.getByRole("img", { name: /^Highest at .* IST: 388 AQI, 80% interval 368–408$/ })).toBeVisible();
  expect(chart.getByText(/NAQI, no unit\. Forecast by Vayu \(linear model\), issued .* from data of CPCB, measured at stations\./)).toBeVisible();
  await userEvent.click(chart.getByRole("button", { name: "Show as a table" }));
  const rows = chart.getAllByRole("row");
  expect(rows).toHaveLength(49);
  expect(rows[20]).toHaveTextContent(/IST20388368–408348–428$/);
});

test("the forecast is read hour by hour with the slider, of PM2.5 too", async () => {
  await open();
  const chart = within(await screen.findByRole("figure", { name: "Forecast of the index, hour by hour" }));
  fireEvent.change(chart.getByRole("slider"), { target: { value: "19" } });
  expect(chart.getByRole("status")).toHaveTextContent("(20 h ahead): 388 AQI, Very Poor; 80%: 368–408; 95%: 348–428");
  await userEvent.click(screen.getByRole("radio", { name: "PM2.5" }));
  const pm25 = within(screen.getByRole("figure", { name: "Forecast of PM2.5, hour by hour" }));
  expect(pm25.getByRole("status")).toHaveTextContent("(20 h ahead): 200.5 µg/m³; 80%: 190.0–215.5; 95%: 180.0–230.0");
});

test("probabilities of categories and of 200, 300 and 400", async () => {
  await open();
  const chart = within(await screen.findByRole("figure", { name: "Chance of an index above 200, 300 and 400" }));
  expect(chart.getByRole("img", { name: "Highest hourly chance: above 200 100%, above 300 80%, above 400 26%" })).toBeVisible();
  const categories = within(screen.getByRole("figure", { name: "Probability of each category" }));
  await userEvent.click(categories.getByRole("button", { name: "Show as a table" }));
  expect(categories.getAllByRole("row")[1]).toHaveTextContent(/IST0%0%0%20%80%0%$/);
});

test("a forecast that has run out is not drawn", async () => {
  await open({ forecast: forecast({ origin: "2025-11-05T10:30:00Z" }) });
  expect(await screen.findByRole("heading", { name: "The forecast has run out" })).toBeVisible();
  expect(screen.queryByRole("figure", { name: /Forecast/ })).not.toBeInTheDocument();
});

test("a naive or old forecast says so", async () => {
  await open({ forecast: forecast({ naive: true, stale: true }) });
  expect(await screen.findByText(/A naive forecast: there is too little history/)).toBeVisible();
  expect(screen.getByText(/This forecast was issued .*; newer measurements have not arrived/)).toBeVisible();
});

test("the record of the city is told and linked", async () => {
  await open();
  expect(await screen.findByText(/Of 1,234 forecast hours of the last 90 days, 82% came within the 80% interval and 94%/)).toBeVisible();
  const link = screen.getByRole("link", { name: "How good have we been at 24 h in Delhi in the post-monsoon season?" });
  expect(link).toHaveAttribute("href", "/record?city=delhi&lead=24&season=ON");
});

test("without a record the page says what the intervals rest on", async () => {
  await open({ confidence: { ...CONFIDENCE, pooled: null } });
  expect(await screen.findByText(/No forecast of this city is old enough to be judged yet/)).toBeVisible();
});

test("pollutants: unit, window, sub-index or why there is none", async () => {
  await open();
  const table = within(await screen.findByRole("table", { name: "Concentrations and sub-indices (NAQI)" }));
  const [, pm25, co] = table.getAllByRole("row");
  expect(pm25).toHaveTextContent("PM2.5 (drives the index)AQI 356Very Poor224.9 µg/m³193.2 µg/m³24 of 24 h (16 needed)");
  expect(co).toHaveTextContent("CO4 of 8 hours present, 6 needed1.78 mg/m³–4 of 8 h (6 needed)");
});

test("history: what is missing is counted, and the choice is part of the address", async () => {
  await open();
  const chart = await screen.findByRole("figure", { name: "Index, 7 days" });
  expect(chart).toHaveTextContent(/Hourly, in AQI\. CPCB, measured at stations; the newest \d+ minutes ago\. 1 hour is missing\./);
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Shown" }), "pm25");
  expect(screen.getByRole("img", { name: "PM2.5 between 151 and 151 µg/m³" })).toBeVisible();
  expect(window.location.search).toBe("?show=pm25");
  await userEvent.click(screen.getByRole("radio", { name: "24 hours" }));
  expect(await screen.findByRole("figure", { name: "PM2.5, 24 hours" })).toBeVisible();
  expect(screen.getByRole("link", { name: "Download as CSV" })).toHaveAttribute(
    "href",
    "/api/v1/aqi/history/delhi?hours=24&interval=hour&format=csv",
  );
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Shown" }), "no2");
  expect(screen.getByRole("heading", { name: "No values in this time: NO₂" })).toBeVisible();
});

test("why this index: rules and stations", async () => {
  await open();
  server.use(
    http.get("*/api/v1/aqi/current/:city", () =>
      HttpResponse.json({
        ...pollutants(),
        explanation: {
          rules: ["a mean of 0 counts as missing", "AQI = highest sub-index"],
          readings: [
            { source: "cpcb-feed", basis: "measured", station: "ITO", used: true, naqi: 360, flags: ["stuck:co"], excluded: {} },
            { source: "open-meteo", basis: "modelled", stations: 1, used: false, reason: "basis", why: "a better basis comes first: measured, implied, modelled", doubtful: {} },
          ],
        },
      }),
    ),
  );
  await userEvent.click(await screen.findByText("Why this index?"));
  const table = within(await screen.findByRole("table", { name: "Stations and sources of this hour" }));
  const [, ito, model] = table.getAllByRole("row");
  expect(ito).toHaveTextContent("ITOCPCBmeasured at stations360yesCO: the same value for hours");
  expect(model).toHaveTextContent("1 placeOpen-Meteomodelled, not measured–no: a better basis comes first: measured, implied, modelled");
  expect(screen.getByText("A mean of 0 counts as missing.")).toBeVisible();
  expect(screen.getByText("AQI = highest sub-index")).toHaveAttribute("lang", "en");
});

test("an unknown city leads back to the overview", async () => {
  window.history.replaceState(null, "", "/city/dehli");
  const problem = () =>
    HttpResponse.json({ detail: "unknown city", status: 404, errors: [{ parameter: "city", given: "dehli" }] }, { status: 404 });
  server.use(http.get("*/api/v1/*", problem));
  await renderPage(
    <Route path="/city/:slug">
      <CityPage />
    </Route>,
    "city",
  );
  expect(await screen.findByRole("heading", { name: "“dehli” is none of the 56 cities" })).toBeVisible();
});

test("a forecast that does not load leaves the rest of the page", async () => {
  await open({ forecast: HttpResponse.json({ detail: "busy" }, { status: 503 }) });
  expect(await screen.findByRole("heading", { name: "The service is busy or being updated" })).toBeVisible();
  expect(await screen.findByText("CPCB, measured at stations, 38 stations")).toBeVisible();
  expect(await screen.findByRole("figure", { name: "Index, 7 days" })).toBeVisible();
});

test("a city without data or a forecast says what is missing, and when it comes", async () => {
  const missing = (detail: string) => HttpResponse.json({ detail, status: 404 }, { status: 404 });
  await open({
    pollutants: missing("there are no data of the last 48 hours for Delhi"),
    forecast: missing("no forecast has been issued for Delhi yet"),
  });
  expect(await screen.findByRole("heading", { name: "No data of the last 48 hours" })).toBeVisible();
  expect(await screen.findByRole("heading", { name: "No forecast at the moment" })).toBeVisible();
  expect(screen.queryByRole("heading", { name: "Pollutants" })).not.toBeInTheDocument();
  expect(await screen.findByRole("figure", { name: "Index, 7 days" })).toBeVisible();
});

test("in Hindi the chart and its advice are Hindi", async () => {
  await activate("hi");
  await open();
  expect(await screen.findByRole("heading", { level: 1, name: "दिल्ली की वायु गुणवत्ता" })).toBeVisible();
  expect(await screen.findByRole("figure", { name: "सूचकांक का पूर्वानुमान, घंटे-दर-घंटे" })).toBeVisible();
  expect(document.body.textContent).not.toMatch(/[\u0966-\u096f]/);
});
