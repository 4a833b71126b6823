import { expect, test } from "vitest";
import { type Choice, choiceOf, faultOf, historyPath, previewRanges, rangeOf, rowsOf } from "./choice";
import { snippet } from "./snippets";

// 16:12 in India: the last full hour ended at 16:00, 10:30 UTC.
const NOW = Date.parse("2025-11-05T10:42:00Z");

const of = (query: string): Choice => choiceOf(new URLSearchParams(query), NOW);
const iso = (time: number) => new Date(time).toISOString();

test("an address without choices means the last week of Delhi as CSV", () => {
  expect(historyPath(of(""))).toBe("/aqi/history/delhi?days=7&format=csv");
});

test.each([
  ["period=hours&hours=48&format=json", "/aqi/history/delhi?hours=48&format=json"],
  ["city=pune&interval=day&days=30&standard=us-epa", "/aqi/history/pune?days=30&interval=day&standard=us-epa&format=csv"],
  [
    "period=dates&from=2025-11-01&to=2025-11-02&format=json",
    "/aqi/history/delhi?start=2025-11-01T00%3A00%3A00%2B05%3A30&end=2025-11-03T00%3A00%3A00%2B05%3A30&format=json",
  ],
  // A line with this in it would run a command of whoever sent the link.
  ["city=x%27;reboot%27&period=nonsense&format=xml", "/aqi/history/delhi?days=7&format=csv"],
])("%s asks for %s", (query, path) => {
  expect(historyPath(of(query))).toBe(path);
});

test.each([
  ["", null],
  ["days=0", "days"],
  ["days=1.5", "days"],
  ["days=", "days"],
  ["days=3660", null],
  ["days=3661", "days"],
  ["period=hours&hours=87841", "hours"],
  ["period=dates&from=2025-11-02&to=2025-11-01", "order"],
  ["period=dates&from=&to=2025-11-01", "date"],
  ["period=dates&from=2025-13-01&to=2025-12-01", "date"],
  ["period=dates&from=1999-12-31&to=2000-02-01", "early"],
  ["period=dates&from=2025-11-06&to=2025-11-07", "future"],
  ["period=dates&from=2025-11-05&to=2025-11-05", null],
  ["period=dates&from=2015-01-01&to=2025-11-05", "long"],
  ["days=366&format=xlsx", null],
  ["days=367&format=xlsx", "workbook"],
  ["days=367&format=xlsx&interval=day", null],
  ["days=3661&format=xlsx", "days"],
])("%s: %s", (query, fault) => {
  expect(faultOf(of(query), NOW)).toBe(fault);
});

test("the window is the one that the API makes", () => {
  expect(rangeOf(of("days=1"), NOW)).toEqual({ start: Date.parse("2025-11-04T10:30:00Z"), end: Date.parse("2025-11-05T10:30:00Z") });
  expect(rowsOf(of("days=1"), NOW)).toBe(24);
  // Thirty Indian days, today included.
  const month = of("interval=day&days=30");
  expect(iso(rangeOf(month, NOW).start)).toBe("2025-10-06T18:30:00.000Z");
  expect(rowsOf(month, NOW)).toBe(30);
  const dates = of("period=dates&from=2025-11-04&to=2025-11-05");
  expect(rowsOf(dates, NOW)).toBe(40);
  expect(rowsOf({ ...dates, interval: "day" }, NOW)).toBe(2);
});

test("a preview asks for ten rows at either end, never for more than the window", () => {
  const { first, last } = previewRanges(of("days=30"), NOW, 10);
  expect([iso(first.start), iso(first.end)]).toEqual(["2025-10-06T10:30:00.000Z", "2025-10-06T20:30:00.000Z"]);
  expect([iso(last.start), iso(last.end)]).toEqual(["2025-11-05T00:30:00.000Z", "2025-11-05T10:30:00.000Z"]);
  const short = previewRanges(of("period=hours&hours=3"), NOW, 10);
  expect(short.first).toEqual(short.last);
});

test("lines of code hold the address as it is", () => {
  const url = "https://air.example/api/v1/aqi/history/delhi?days=7&format=csv";
  expect(snippet("curl", url, "csv", "a.csv")).toBe(`curl -sSf --compressed -o a.csv '${url}'`);
  expect(snippet("python", url, "csv", "a.csv")).toContain(`pd.read_csv("${url}")`);
  expect(snippet("python", url, "json", "a.json")).toContain('json.load(answer)["points"]');
  expect(snippet("r", url, "json", "a.json")).toContain("flatten = TRUE)$points");
  expect(snippet("python", url, "xlsx", "a.xlsx")).toContain(`pd.read_excel("${url}", sheet_name=-1)`);
  expect(snippet("r", url, "parquet", "a.parquet")).toContain(`arrow::read_parquet("a.parquet")`);
  expect(snippet("spreadsheet", url, "csv", "a.csv")).toBe(`=IMPORTDATA("${url}")`);
});
