import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import { city, overview } from "../overview/testing";
import SourcesPage from "./SourcesPage";
import { ago, health, METRICS, slo, source, sourceSlo } from "./testing";

const SOURCES = {
  "cpcb-feed": source({ lag_minutes: 185 }),
  cpcb: source({
    state: "resting",
    reason: "server_error",
    last_success: ago(300),
    resting_until: ago(-60),
    failures_24h: { server_error: 5, timeout: 2 },
  }),
  iqair: source({ state: "failing", reason: "key", last_success: null, lag_minutes: null, failures_24h: { key: 1 } }),
  "open-meteo": source(),
};

const SLO = slo({
  "cpcb-feed": sourceSlo("source", { met: 20, missed_by_source: 3, share: 0.87, budget_left: -1.6 }),
  iqair: sourceSlo("us", { collected: null, committed: null, forecast: null }),
  "open-meteo": sourceSlo("fine"),
});

async function open(answer: Response = HttpResponse.json(health(SOURCES))) {
  server.use(
    http.get("*/api/v1/health", () => answer.clone()),
    http.get("*/api/v1/metrics", () => HttpResponse.json(METRICS)),
    http.get("*/api/v1/slo", () => HttpResponse.json(SLO)),
    http.get("*/api/v1/overview", () => HttpResponse.json(overview([city("Delhi", { aqi: 300 }), city("Agra", {})]))),
  );
  await renderPage(<SourcesPage />, "sources");
}

const card = async (name: string) => within(await screen.findByRole("article", { name }));

test("each source says who has to act, in one sentence", async () => {
  await open();
  expect((await card("CPCB")).getByText("It is CPCB: it answers us, but has sent nothing new for 3 h.")).toBeVisible();
  expect((await card("CPCB (data.gov.in)")).getByText("It is CPCB (data.gov.in): its server fails.")).toBeVisible();
  expect((await card("IQAir")).getByText("It is us: it refuses the key of this installation.")).toBeVisible();
  expect((await card("Open-Meteo")).getByText("It delivers.")).toBeVisible();
});

test("a source shows when it last gave something, why it failed, and when it is asked again", async () => {
  await open();
  const cpcb = await card("CPCB (data.gov.in)");
  expect(cpcb.getByText("rests")).toBeVisible();
  expect(cpcb.getByText("5 × its server fails")).toBeVisible();
  expect(cpcb.getByText("2 × it did not answer in time")).toBeVisible();
  expect(cpcb.getByText("Asked again").nextElementSibling).toHaveTextContent(/IST$/);
  expect(cpcb.getByText("Last success").nextElementSibling).toHaveTextContent("5 hours ago");
  const iqair = await card("IQAir");
  expect(iqair.getByText("none in 7 days")).toBeVisible();
  expect(iqair.getByText("none yet")).toBeVisible();
});

test("the service says what is wrong with it, and how its queue and its models do", async () => {
  const state = health(SOURCES, {
    status: "degraded",
    cache: "unavailable",
    reasons: ["the newest data are 250 minutes old", "the tide is out"],
    causes: [{ code: "old_data", number: 250 }],
    queue: { waiting: 3, oldest_minutes: 40, dead_24h: 2 },
  });
  await open(HttpResponse.json(state));
  expect(await screen.findByText(/not everything is as it should be/)).toBeVisible();
  expect(screen.getByText("The newest data are 250 minutes old.")).toBeVisible();
  expect(screen.getByText("the tide is out")).toHaveAttribute("lang", "en");
  expect(screen.getByText(/3 messages wait/)).toHaveTextContent("3 messages wait, 2 failed for good in 24 h");
  expect(screen.getByText("Redis does not answer; answers are slower")).toBeVisible();
  expect(screen.getByText("54 / 56")).toBeVisible();
});

test("a service without a database is an answer: it says what is missing", async () => {
  const state = health({}, { status: "unhealthy", database: "disconnected", reasons: ["the database does not answer"], causes: [{ code: "database", number: null }] });
  const bare = { ...state, sources: null, data: null, queue: null, models: null, models_trained_at: null };
  await open(HttpResponse.json(bare, { status: 503 }));
  expect(await screen.findByText(/has no database/)).toBeVisible();
  expect(screen.getByText("the database does not answer")).toBeVisible();
  expect(screen.getByRole("heading", { name: "Not known at the moment" })).toBeVisible();
});

test("a service that nobody collects for says so", async () => {
  await open(HttpResponse.json(health({})));
  expect(await screen.findByRole("heading", { name: "No source has been asked in the last 7 days" })).toBeVisible();
});

test("each source has its times, its error budget, and whose fault it is in one word", async () => {
  await open();
  const table = within(await screen.findByRole("table", { name: /^From the end of an hour/ }));
  const cells = (name: string) => within(table.getByRole("row", { name: new RegExp(`^${name} `) })).getAllByRole("cell").map((cell) => cell.textContent);
  expect(cells("CPCB")).toEqual(["the provider", "20 / 23", "87%", "−160%", "7 / 67", "7 / 70", "10 / 71", "–"]);
  expect(cells("IQAir")).toEqual(["us", "23 / 23", "100%", "100%", "–", "–", "–", "–"]);
  expect(cells("Open-Meteo")[0]).toBe("fine");
  expect(screen.getByText(/95% of the hours collected within 90 minutes/)).toBeVisible();
});

test("ages of all cities are counted and listed", async () => {
  await open();
  const user = userEvent.setup();
  expect(await screen.findByText("1 city has no index of the last 48 hours.")).toBeVisible();
  await user.click(await screen.findByRole("button", { name: "Show as a table" }));
  const rows = within(screen.getByRole("table", { name: "Cities by the age of their newest hour" })).getAllByRole("row");
  expect(rows.map((row) => within(row).queryByRole("rowheader")?.textContent)).toEqual([undefined, "Agra", "Delhi"]);
});

test("requests are shown as counted; a closed metrics endpoint does not take the page with it", async () => {
  await open();
  expect(await screen.findByText("90.0%")).toBeVisible();
  expect(screen.getByText("2.5 / 10.0 ms")).toBeVisible();
});

test("where metrics need a token the rest of the page is there", async () => {
  server.use(
    http.get("*/api/v1/health", () => HttpResponse.json(health(SOURCES))),
    http.get("*/api/v1/metrics", () => HttpResponse.json({ detail: "Send a token." }, { status: 401 })),
    http.get("*/api/v1/slo", () => HttpResponse.json(SLO)),
    http.get("*/api/v1/overview", () => HttpResponse.json(overview([city("Delhi", { aqi: 300 })]))),
  );
  await renderPage(<SourcesPage />, "sources");
  expect(await screen.findByText("Send a token.")).toBeVisible();
  expect(await screen.findByRole("article", { name: "CPCB" })).toBeVisible();
});

test("simulated data are called so", async () => {
  await open(HttpResponse.json(health({ simulated: source() }, { simulated: true })));
  expect(await screen.findByText("Simulated data.")).toBeVisible();
});

test("in Hindi", async () => {
  await activate("hi");
  await open();
  expect(await screen.findByRole("heading", { level: 1, name: "स्रोत और सेवा" })).toBeVisible();
  expect((await card("CPCB")).getByText(/CPCB/, { selector: ".verdict" })).toHaveTextContent("3 घंटे");
});
