import { readFileSync } from "node:fs";
import { join } from "node:path";
import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { isPollutant, POLLUTANT_KEYS } from "../../shared/aqi/pollutants";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import AboutPage from "./AboutPage";
import { NAQI_ENDS } from "./naqi";
import { PACKAGES } from "./packages";
import { GLOSSARY } from "./terms";

const repository = (path: string) => readFileSync(join(process.cwd(), "..", path), "utf8");

test("every section can be reached from the list of them", async () => {
  await renderPage(<AboutPage />, "about");
  const links = within(screen.getByRole("navigation", { name: "On this page" })).getAllByRole("link");
  expect(links).toHaveLength(10);
  for (const link of links) {
    const heading = document.getElementById(link.getAttribute("href")?.slice(1) ?? "");
    expect(heading?.tagName).toBe("H2");
    expect(heading).toHaveTextContent(link.textContent);
  }
});

test("the bands are those that the service computes with", () => {
  const source = repository("common/domain/breakpoints.py");
  const rules = [...source.matchAll(/"(\w+)": _naqi\(([\d, ]+?)(?:, hours=(\d+))?\)/g)].map(([, key = "", ends = "", hours = "24"]) => [
    key,
    { hours: Number(hours), ends: ends.split(",").map(Number) },
  ]);
  expect(rules).toHaveLength(POLLUTANT_KEYS.length);
  expect(Object.fromEntries(rules)).toEqual(NAQI_ENDS);
  expect(Object.keys(NAQI_ENDS).every(isPollutant)).toBe(true);
});

test("the table of bands shows them with their unit and window", async () => {
  await renderPage(<AboutPage />, "about");
  const table = screen.getByRole("table", { name: /Concentrations that end each band/ });
  const poor = within(table).getByRole("row", { name: /^Poor/ });
  expect(within(poor).getAllByRole("cell").map((cell) => cell.textContent)).toEqual(["201–300", "120", "350", "280", "800", "17", "208", "1,200"]);
});

test("terms are those of the project's glossary", () => {
  const terms = new Set([...repository("docs/glossary.md").matchAll(/^\| \*\*(.+?)\*\*/gm)].map(([, term]) => term));
  expect(terms.size).toBeGreaterThan(30);
  expect(GLOSSARY.filter(({ term }) => !terms.has(term))).toEqual([]);
});

test("every package of the page is named with the licence that it has", () => {
  const manifest: { dependencies: Record<string, string> } = JSON.parse(repository("dashboard/package.json"));
  expect(PACKAGES.map(({ name }) => name)).toEqual(Object.keys(manifest.dependencies).sort());
  for (const { name, licence } of PACKAGES) {
    const installed: { license: string } = JSON.parse(repository(`dashboard/node_modules/${name}/package.json`));
    expect(installed.license, name).toBe(licence);
  }
});

test("those who gave data and the map are credited", async () => {
  await renderPage(<AboutPage />, "about");
  const sources = screen.getByRole("table", { name: "Sources that can be configured" });
  expect(within(sources).getByText(/Central Pollution Control Board/)).toBeVisible();
  expect(within(sources).getByRole("row", { name: /Open-Meteo/ })).toHaveTextContent("CC BY 4.0");
  expect(screen.getByText(/Victor Cazanave/)).toHaveTextContent("CC BY 4.0");
});

test("in Hindi nothing but names stays English", async () => {
  await activate("hi");
  await renderPage(<AboutPage />, "about");
  expect(screen.getByRole("heading", { level: 1, name: "Vayu के बारे में" })).toBeVisible();
  const english = screen
    .getAllByText(/\b(the|and|of|is)\b/)
    .filter((element) => element.closest('[lang="en"]') === null);
  expect(english.map((element) => element.textContent)).toEqual([]);
});
