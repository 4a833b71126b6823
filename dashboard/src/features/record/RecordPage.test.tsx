import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http, type JsonBodyType } from "msw";
import { expect, test } from "vitest";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import { filtersOf } from "./filters";
import RecordPage from "./RecordPage";
import { cityScores, losses, plume, reliability, scoreTable, warnings } from "./testing";
import { grade } from "./words";

interface Answers {
  table?: JsonBodyType | Response;
  city?: JsonBodyType;
  losses?: JsonBodyType;
  plume?: JsonBodyType;
}

async function open(search = "", answers: Answers = {}): Promise<URL[]> {
  window.history.replaceState(null, "", `/record${search}`);
  const requests: URL[] = [];
  const answer = (body: JsonBodyType | Response) => {
    return ({ request }: { request: Request }) => {
      requests.push(new URL(request.url));
      return body instanceof Response ? body.clone() : HttpResponse.json(body);
    };
  };
  server.use(
    http.get("*/api/v1/record/scores", answer(answers.table ?? scoreTable())),
    http.get("*/api/v1/record/scores/:city", answer(answers.city ?? cityScores())),
    http.get("*/api/v1/record/losses", answer(answers.losses ?? losses())),
    http.get("*/api/v1/record/reliability", answer(reliability())),
    http.get("*/api/v1/record/warnings", answer(warnings())),
    http.get("*/api/v1/record/plume/:city", answer(answers.plume ?? plume())),
  );
  await renderPage(<RecordPage />, "record");
  return requests;
}

test("the address holds what is shown; what it does not know is left at the default", () => {
  const filters = filtersOf(new URLSearchParams("city=delhi&lead=7&season=summer&target=no2&mode=live"));
  expect(filters).toEqual({ city: "delhi", target: "aqi", lead: 24, season: null, mode: "live" });
});

test.each([
  [0.3, true, "much-better"],
  [0.1, true, "better"],
  [0.0, true, "even"],
  [-0.05, true, "worse"],
  [-0.2, true, "much-worse"],
  [0.3, false, "none"],
  [null, true, "none"],
])("skill %s, enough %s: %s", (skill, enough, expected) => {
  expect(grade(skill, enough)).toBe(expected);
});

test("all cities: skill, interval, hours, and no colour below 30 hours", async () => {
  await open();
  const table = within(await screen.findByRole("table", { name: "Skill against the best naive forecast, 24 h ahead" }));
  const [head, delhi, pune] = table.getAllByRole("row");
  expect(head).toHaveTextContent("Winter (Dec–Feb)Pre-monsoon (Mar–May)Monsoon (Jun–Sep)Post-monsoon (Oct–Nov)");
  expect(delhi).toHaveTextContent("Delhi–––+20%−1% … +37%810 h");
  expect(pune).toHaveTextContent("Pune+90%no interval12 h: too few––−15%−30% … −2%640 h");
  const cells = within(pune ?? document.body).getAllByRole("cell");
  expect(cells.map((cell) => cell.dataset["grade"])).toEqual(["none", undefined, undefined, "much-worse"]);
});

test("a cell leads to its city, season and lead time", async () => {
  await open("?target=aqi");
  const link = await screen.findByRole("link", { name: "+20%: Delhi, Post-monsoon (Oct–Nov)" });
  expect(link).toHaveAttribute("href", "/record?city=delhi&target=aqi&lead=24&season=ON");
});

test("where we lose is in words, with its interval", async () => {
  await open();
  const table = within(await screen.findByRole("table", { name: "Cells in which a rival did better: 1 of 1, worst first" }));
  expect(table.getAllByRole("row")[1]).toHaveTextContent(
    "PunePost-monsoon (Oct–Nov)24mean of the last 24 hours−15%−30% … −2%12.9, 11.2640yes",
  );
  expect(screen.getByText("9 of 12")).toBeVisible();
});

test("no loss is said, not hidden", async () => {
  await open("", { losses: losses({ count: 0, losses: [] }) });
  expect(await screen.findByText("No rival has a smaller error in any cell of this part of the record.")).toBeVisible();
});

test("a city: rivals on the same hours, coverage beside width, each figure by a link", async () => {
  await open("?city=delhi&season=ON");
  const table = within(await screen.findByRole("table", { name: "Ours beside each rival, on the same hours" }));
  const rows = table.getAllByRole("row").map((row) => row.textContent);
  expect(rows).toContain("mean of the last 24 hours39.631.5+20%−1% … +37%810");
  expect(rows).toContain("Open-Meteo60.131.7+47%+32% … +57%790");
  expect(screen.getByText(/79.5% of the truth came within the 80% interval, which was 98 AQI wide/)).toBeVisible();
  const addresses = screen.getAllByRole("link", { name: "CSV" }).map((link) => link.getAttribute("href"));
  expect(addresses).toEqual([
    "/api/v1/record/scores/delhi?target=aqi&lead=24&season=ON&format=csv",
    "/api/v1/record/days/delhi?target=aqi&lead=24&season=ON&format=csv",
  ]);
});

test("reliability: the diagram says its numbers, the table has counts", async () => {
  await open();
  const chart = within(await screen.findByRole("figure", { name: "Stated and realised, 24 h ahead: the stated category" }));
  expect(chart.getByRole("img", { name: "Stated: came true. 5%: 0%; 45%: 47%; 96%: 93%" })).toBeVisible();
  await userEvent.click(chart.getByRole("button", { name: "Show as a table" }));
  expect(chart.getAllByRole("row")[1]).toHaveTextContent("0%–10%5.0%0.0%12fewer than 30");
  await userEvent.click(screen.getByRole("radio", { name: "above 400" }));
  expect(await screen.findByRole("heading", { name: "No such probability has been stated here" })).toBeVisible();
});

test("warnings: detection never without false alarms, and nothing where nothing happened", async () => {
  const requests = await open();
  const table = within(await screen.findByRole("table", { name: "Hours with an index above a value, warned of at 50% or more, all cities" }));
  const [, much, never] = table.getAllByRole("row");
  expect(much).toHaveTextContent("above 300, 24 h ahead72%20%61%20.7%168151810yes");
  expect(never).toHaveTextContent("above 400, 24 h ahead–––0.0%00810fewer than 30");
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "A warning is a stated probability of at least" }), "20%");
  await screen.findByRole("table", { name: "Hours with an index above a value, warned of at 20% or more, all cities" });
  expect(requests.map((url) => url.searchParams.get("percent"))).toContain("20");
});

test("the forecasts of an hour, and what came", async () => {
  await open("?city=delhi");
  const chart = within(await screen.findByRole("figure", { name: "Delhi, hour ending 5 Nov, 4:00 pm IST, as it was forecast" }));
  expect(chart.getByText(/It came to 187 AQI\. 1 of 2 forecasts had it within their 80% interval/)).toBeVisible();
  expect(chart.getByRole("img", { name: "240 AQI from 24 h before, 190 from 1 h before" })).toBeVisible();
  await userEvent.click(chart.getByRole("button", { name: "Show as a table" }));
  expect(chart.getAllByRole("row")[1]).toHaveTextContent("1190176–204165–219+3boosted trees (XGBoost)");
});

test("an hour that is chosen is asked for in Indian time", async () => {
  const requests = await open("?city=delhi");
  const input = await screen.findByLabelText(/^Hour \(Indian time\)/);
  await userEvent.type(input, "2025-11-05T16:00");
  await screen.findByRole("figure", { name: /as it was forecast/ });
  expect(requests.map((url) => url.searchParams.get("time"))).toContain("2025-11-05T16:00:00+05:30");
});

test("an empty record says when it begins", async () => {
  const none = scoreTable();
  const empty = Object.fromEntries(Object.keys(none.cells).map((name) => [name, name === "naive_mae" ? {} : []]));
  await open("?city=navi-mumbai", { table: { ...none, count: 0, first_day: null, last_day: null, cells: empty } });
  expect(await screen.findByRole("heading", { name: "Nothing is recorded yet" })).toBeVisible();
  expect(screen.queryByRole("heading", { name: "Where we win, where we lose" })).not.toBeInTheDocument();
  expect(screen.getByRole("combobox", { name: "City" })).toHaveDisplayValue("Navi Mumbai");
});

test("simulated and replayed records say so", async () => {
  await open("", { table: scoreTable({ simulated: true, mode: "replay", modes: ["live", "replay"] }) });
  expect(await screen.findByText("Simulated data.")).toBeVisible();
  expect(screen.getByText(/They warned nobody/)).toBeVisible();
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Record" }), "Live");
  expect(window.location.search).toBe("?mode=live");
});

test("a service that is down is said", async () => {
  await open("", { table: HttpResponse.json({ detail: "busy" }, { status: 503 }) });
  expect(await screen.findByRole("heading", { name: "The service is busy or being updated" })).toBeVisible();
});

test("in Hindi, with the digits 0 to 9", async () => {
  await activate("hi");
  await open("?city=delhi");
  expect(await screen.findByRole("heading", { level: 1, name: "रिकॉर्ड: क्या कहा गया, क्या हुआ" })).toBeVisible();
  expect(await screen.findByRole("figure", { name: /दिल्ली/ })).toBeVisible();
  expect(document.body.textContent).not.toMatch(/[\u0966-\u096f]/);
});
