import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { expect, test, vi } from "vitest";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import { Archive } from "./Archive";
import { FILES, manifest } from "./archiveTesting";

interface Piece {
  path: string;
  range: string;
}

/** Serves the archive as the API does, and notes which pieces are fetched. */
function serve(changes: object = {}): Piece[] {
  const pieces: Piece[] = [];
  server.use(
    http.get("*/api/v1/archive/manifest.json", () => HttpResponse.json(manifest(changes))),
    http.get("*/api/v1/archive/:table/:city/:year/:file", ({ request }) => {
      const path = decodeURIComponent(new URL(request.url).pathname.replace("/api/v1/archive/", ""));
      const range = request.headers.get("Range") ?? "";
      const [from, to] = range.replace("bytes=", "").split("-").map(Number);
      const data = FILES[path];
      if (data === undefined) return HttpResponse.json({ status: 404 }, { status: 404 });
      pieces.push({ path, range });
      return new HttpResponse(data.slice(from, (to ?? 0) + 1), { status: 206 });
    }),
  );
  return pieces;
}

async function open() {
  await renderPage(<Archive />, "data");
  await userEvent.setup().click(screen.getByRole("button", { name: "Open the archive" }));
}

async function readDays(from: string, to: string) {
  fireEvent.change(await screen.findByLabelText("First day (Indian date)"), { target: { value: from } });
  fireEvent.change(screen.getByLabelText("Last day, included"), { target: { value: to } });
  await userEvent.setup().click(screen.getByRole("button", { name: "Read" }));
}

test("nothing of it is fetched before the reader wants it", async () => {
  const fetched = vi.spyOn(globalThis, "fetch");
  await renderPage(<Archive />, "data");
  expect(screen.getByRole("button", { name: "Open the archive" })).toBeVisible();
  expect(fetched).not.toHaveBeenCalled();
});

test("Indian days over a new year, from two files by pieces", async () => {
  const pieces = serve();
  await open();
  await readDays("2024-12-31", "2025-01-01");
  const table = await screen.findByRole("table", { name: "The first rows of the archive" });
  // 31 December 12:30 to 23:30 and 1 January 00:30 to 18:30 UTC: the hour that ends at Indian midnight is the day's last.
  expect(screen.getByText("31 rows, 2 of them without a value")).toBeVisible();
  const cells = within(table)
    .getAllByRole("row")
    .slice(1)
    .map((row) => row.textContent);
  expect(cells).toHaveLength(10);
  expect(cells[0]).toBe("2024-12-31T12:30:00Z100.3measuredcpcb");
  expect(cells[1]).toBe("2024-12-31T13:30:00Zmeasuredcpcb");
  expect(within(table).getByRole("columnheader", { name: /^pm25 ?µg\/m³$/ })).toBeVisible();
  expect(new Set(pieces.map(({ path }) => path))).toEqual(new Set(Object.keys(FILES)));
  expect(pieces.every(({ range }) => /^bytes=\d+-\d+$/.test(range))).toBe(true);
});

test("a file of another year is not asked for, and another month's rows are not shown", async () => {
  const pieces = serve();
  await open();
  await userEvent.setup().selectOptions(await screen.findByRole("combobox", { name: "Pollutant or index" }), "NAQI");
  await readDays("2025-02-01", "2025-02-03");
  const table = await screen.findByRole("table");
  expect(within(table).getAllByRole("row").slice(1).map((row) => row.textContent)).toEqual([
    "2025-02-01T00:30:00Z70measuredcpcb",
    "2025-02-01T01:30:00Z71measuredcpcb",
    "2025-02-01T02:30:00Z72measuredcpcb",
  ]);
  expect(new Set(pieces.map(({ path }) => path.includes("2025")))).toEqual(new Set([true]));
});

test("all rows can be saved", async () => {
  serve();
  const blobs: Blob[] = [];
  const names: string[] = [];
  URL.createObjectURL = (blob: Blob) => {
    blobs.push(blob);
    return "blob:1";
  };
  URL.revokeObjectURL = () => undefined;
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function noted(this: HTMLAnchorElement) {
    names.push(this.download);
  });
  await open();
  await readDays("2024-11-30", "2024-11-30");
  await userEvent.setup().click(await screen.findByRole("button", { name: "Save these rows as CSV" }));
  expect(names).toEqual(["delhi-pm25-2024-11-30-2024-11-30.csv"]);
  expect(await blobs[0]?.text()).toBe(
    "time,pm25,basis,source\r\n2024-11-30T00:30:00Z,50.5,measured,cpcb\r\n2024-11-30T01:30:00Z,,measured,cpcb\r\n2024-11-30T02:30:00Z,50.7,measured,cpcb\r\n",
  );
});

test("days without hours, and days that make no sense", async () => {
  serve();
  await open();
  await readDays("2025-03-01", "2025-03-02");
  expect(await screen.findByText("The archive has no hours of this city in these days")).toBeVisible();
  fireEvent.change(screen.getByLabelText("Last day, included"), { target: { value: "2025-02-01" } });
  expect(screen.getByRole("alert")).toHaveTextContent("The first day must not be after the last.");
  expect(screen.getByRole("button", { name: "Read" })).toBeDisabled();
});

test("only cities with hours can be chosen", async () => {
  serve();
  await open();
  const cities = await screen.findByRole("combobox", { name: "City in the archive" });
  expect(within(cities).getAllByRole("option").map((option) => option.textContent)).toEqual(["Delhi"]);
});

test("where there is no archive the page says so", async () => {
  server.use(http.get("*/api/v1/archive/manifest.json", () => HttpResponse.json({ status: 404 }, { status: 404 })));
  await open();
  expect(await screen.findByText("This service publishes no archive")).toBeVisible();
});

test.each([
  [{ format: "csv" }, "The archive here is CSV"],
  [{ files: [] }, "The archive has no hours yet"],
  [{ version: "vayu-archive/2" }, "This part of the page failed"],
])("an archive that cannot be read: %o", async (changes, sentence) => {
  serve(changes);
  await open();
  expect(await screen.findByText(sentence)).toBeVisible();
});

test("in Hindi, and simulated where it is", async () => {
  await activate("hi");
  serve({ simulated: true });
  await renderPage(<Archive />, "data");
  await userEvent.setup().click(screen.getByRole("button", { name: "अभिलेख खोलें" }));
  expect(await screen.findByRole("option", { name: "दिल्ली" })).toBeVisible();
  expect(screen.getByText("कृत्रिम डेटा।")).toBeVisible();
});
