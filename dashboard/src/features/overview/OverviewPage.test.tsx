import { cleanup, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import OverviewPage from "./OverviewPage";
import type { Overview } from "./queries";
import { city, overview } from "./testing";

/** When the fixtures were answered. */
const NOW = new Date("2025-11-05T10:42:00Z");

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: NOW }));
afterEach(() => void vi.useRealTimers());

const CITIES = [
  city("Delhi", { aqi: 356, peak: 310, risk: 0.5 }),
  city("Mumbai", { aqi: 101, peak: 140 }),
  city("Pune", { aqi: 80, stale: true }),
  city("Agra", {}),
];

async function open(answer: Overview = overview(CITIES)): Promise<string[]> {
  const requests: string[] = [];
  server.events.on("request:start", ({ request }) => requests.push(new URL(request.url).pathname));
  server.use(http.get("*/api/v1/overview", () => HttpResponse.json(answer)));
  await renderPage(<OverviewPage />, "overview");
  await screen.findByRole("radio", { name: /Cards|कार्ड/ });
  return requests;
}

const cards = () => screen.getAllByRole("article").map((card) => card.getAttribute("aria-label"));

test("all views are drawn from one request", async () => {
  const requests = await open();
  const user = userEvent.setup();
  expect(cards()).toEqual(["Delhi", "Mumbai", "Pune", "Agra"]);
  await user.click(screen.getByRole("radio", { name: "List" }));
  expect(within(screen.getByRole("table")).getAllByRole("row")).toHaveLength(5);
  expect(within(screen.getByRole("row", { name: /Pune/ })).getByText(/Nothing new since/)).toBeVisible();
  await user.click(screen.getByRole("radio", { name: "Tiles" }));
  expect(screen.getByText("Air quality index (NAQI, no unit)")).toBeVisible();
  expect(screen.getByRole("link", { name: /Delhi/ })).toHaveAttribute("data-ramp", "very-poor");
  expect(screen.getByRole("link", { name: /Pune/ })).toHaveTextContent(/ago/);
  await user.click(screen.getByRole("radio", { name: "Map" }));
  const map = await screen.findByRole("group", { name: "Map of India with 4 cities" });
  expect(within(map).getAllByRole("link")).toHaveLength(4);
  expect(within(map).getByRole("link", { name: /^Pune: AQI 80, Satisfactory, nothing new since/ })).toBeInTheDocument();
  expect(within(map).getByRole("link", { name: "Agra: no index" })).toBeInTheDocument();
  expect(requests).toEqual(["/api/v1/overview"]);
});

test("cards that are drawn later are all drawn, in order", async () => {
  const many = Array.from({ length: 25 }, (_, index) => city(`City ${String(index)}`, { aqi: 400 - index }));
  await open(overview(many));
  await waitFor(() => expect(cards()).toEqual(many.map(({ name }) => name)));
});

test("a card says index, category, age, basis, trend and what is forecast", async () => {
  await open();
  const delhi = within(screen.getByRole("article", { name: "Delhi" }));
  expect(delhi.getByRole("link", { name: "Delhi" })).toHaveAttribute("href", "/city/delhi");
  expect(delhi.getByText("Very Poor")).toBeVisible();
  expect(delhi.getByText(/ago, CPCB \(data\.gov\.in\), measured at stations/)).toBeVisible();
  expect(delhi.getByRole("img", { name: "AQI of the last 24 hours, between 356 and 356" })).toBeVisible();
  expect(delhi.getByText(/\(280–350\), 10:00 pm/)).toBeVisible();
  expect(delhi.getByText("100% / 50% / 0%")).toBeVisible();
});

test("stale and missing values say why", async () => {
  await open();
  expect(within(screen.getByRole("article", { name: "Pune" })).getByText(/Nothing new since/)).toBeVisible();
  const agra = within(screen.getByRole("article", { name: "Agra" }));
  expect(agra.getByText(/No index: no hour of the last days/)).toBeVisible();
  expect(agra.getByText(/No forecast in force/)).toBeVisible();
  expect(screen.getByText("1 city has sent nothing for more than 2 hours. 1 city has no index at all.")).toBeVisible();
});

test("simulated data are called so, on the page and on each card", async () => {
  await open(overview(CITIES, true));
  expect(screen.getByText("Simulated data.")).toBeVisible();
  expect(within(screen.getByRole("article", { name: "Delhi" })).getByText(/simulated, not real/)).toBeVisible();
  expect(screen.queryByText(/measured at stations|CPCB/)).not.toBeInTheDocument();
});

test("search and order are part of the address", async () => {
  await open();
  const user = userEvent.setup();
  await user.selectOptions(screen.getByRole("combobox", { name: "Order" }), "Name");
  expect(cards()).toEqual(["Agra", "Delhi", "Mumbai", "Pune"]);
  await user.type(screen.getByRole("searchbox", { name: "Search" }), "mum");
  expect(cards()).toEqual(["Mumbai"]);
  expect(window.location.search).toBe("?sort=name&q=mum");
  expect(screen.getByText("1 of 4 cities")).toBeVisible();
  await user.type(screen.getByRole("searchbox", { name: "Search" }), "x");
  expect(screen.getByRole("heading", { name: "No city matches “mumx”" })).toBeVisible();
});

test("favourites are kept on the device and come first", async () => {
  await open();
  const user = userEvent.setup();
  await user.click(screen.getByRole("button", { name: "Favourite: Mumbai" }));
  expect(cards()).toEqual(["Mumbai", "Delhi", "Pune", "Agra"]);
  expect(localStorage.getItem("vayu.favourites")).toBe('["mumbai"]');
  await user.click(screen.getByRole("checkbox", { name: "Favourites only" }));
  expect(cards()).toEqual(["Mumbai"]);
  await user.click(screen.getByRole("button", { name: "Favourite: Mumbai" }));
  expect(screen.getByRole("heading", { name: "You have no favourites yet" })).toBeVisible();
});

test("in Hindi the page, its cities and its digits are Hindi", async () => {
  await activate("hi");
  await open();
  expect(screen.getByRole("heading", { level: 1 })).toHaveTextContent("भारत के 56 शहरों की वायु गुणवत्ता");
  expect(within(screen.getByRole("article", { name: "दिल्ली" })).getByText("बहुत खराब")).toBeVisible();
  expect(document.documentElement.lang).toBe("hi");
});

test("an installation without data says what to expect", async () => {
  await open(overview([city("Delhi", {}), city("Pune", {})]));
  expect(screen.getByText(/No data have arrived yet/)).toBeVisible();
});

test("an overview that is days old has stale hours and no forecast, whatever it said when it came", async () => {
  vi.setSystemTime(new Date("2025-11-07T12:00:00Z"));
  await open();
  const delhi = within(screen.getByRole("article", { name: "Delhi" }));
  expect(delhi.getByText("Nothing new since 2 days ago")).toBeVisible();
  expect(delhi.getByText(/No forecast in force: the last has run out/)).toBeVisible();
  expect(screen.getByText(/Nothing has come from any city for 49 h/)).toBeVisible();
  expect(screen.getByRole("link", { name: "Who has to act?" })).toHaveAttribute("href", "/sources");
});

test("three hours without anything new are said, two are not", async () => {
  vi.setSystemTime(new Date("2025-11-05T13:29:00Z"));
  await open();
  expect(screen.queryByText(/Nothing has come from any city/)).not.toBeInTheDocument();
  cleanup();
  vi.setSystemTime(new Date("2025-11-05T13:31:00Z"));
  await open();
  expect(screen.getByText(/Nothing has come from any city for 3 h/)).toBeVisible();
});
