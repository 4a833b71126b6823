import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import Reproduce from "./Reproduce";
import { model, type Published, published } from "./testing";

async function open({ listing, files }: Published, issuedAt = listing.issued_at) {
  server.use(
    http.get("*/api/v1/forecast/:city/reproduce", ({ request, params }) => {
      const query = new URL(request.url).searchParams;
      expect([params["city"], query.get("issued")]).toEqual(["delhi", issuedAt]);
      return query.get("target") === "aqi" ? HttpResponse.json(listing) : HttpResponse.json({ detail: "not kept" }, { status: 410 });
    }),
    ...(["model", "matrix", "recipe"] as const).map((name) => http.get(`*/api/v1/${name}`, () => HttpResponse.arrayBuffer(files[name].buffer))),
  );
  await renderPage(<Reproduce city="delhi" issuedAt={issuedAt} />, "reproduce");
}

test("the browser computes the same forecast", async () => {
  await open(await published());
  expect(await screen.findByText(/all 48 hours agree/)).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Show as a table" }));
  const rows = within(screen.getByRole("table")).getAllByRole("row");
  expect(rows).toHaveLength(49);
  expect(rows[1]).toHaveTextContent("5 Nov, 5:00 pm IST");
  expect(rows[1]).toHaveTextContent("yes");
});

test("hours that differ are counted and named", async () => {
  const parts = await published();
  parts.listing.issued.values[3] = 99;
  parts.listing.issued.values[4] = 99;
  await open(parts);
  expect(await screen.findByText("2 of 48 hours differ from what was issued.")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Show as a table" }));
  expect(within(screen.getByRole("table")).getAllByText("no")).toHaveLength(2);
});

test("sliders show what other inputs would give, and go back", async () => {
  await open(await published());
  const level = await screen.findByRole("slider", { name: "Pollution of the last days" });
  expect(level).toHaveAccessibleName();
  expect(level).toHaveAttribute("aria-valuetext", "100% of what was measured");
  fireEvent.change(level, { target: { value: "2" } });
  expect(await screen.findByText("Highest under your assumptions: 155; as issued: 78.")).toBeVisible();
  const back = screen.getByRole("button", { name: "As it was issued" });
  await userEvent.click(back);
  expect(back).toBeDisabled();
  fireEvent.change(screen.getByRole("slider", { name: "Wind, now and ahead" }), { target: { value: "4" } });
  expect(await screen.findByText(/^Highest under your assumptions: 63;/)).toBeVisible();
  expect(screen.getByText(/the model’s answer, not the air’s/)).toBeVisible();
  // The verdict is of what was issued, whatever is assumed.
  expect(screen.getByText(/all 48 hours agree/)).toBeVisible();
});

test.each(["model", "matrix", "recipe"] as const)("a %s with another hash is not used", async (name) => {
  const parts = await published();
  parts.files[name] = parts.files[name].map((byte, at) => (at === 40 ? byte ^ 1 : byte));
  await open(parts);
  expect(await screen.findByText(`The part “${name}” is not the one that is listed: its SHA-256 is another. Nothing was computed from it.`)).toBeVisible();
  expect(screen.queryByRole("slider")).toBeNull();
});

test("a recipe of another model is not used", async () => {
  await open(await published({ model_sha256: "0".repeat(64) }));
  expect(await screen.findByText(/The part “recipe” is not/)).toBeVisible();
});

test("a model that the browser cannot compute is left to the command line", async () => {
  await open(await published({}, model("LSTM")));
  expect(await screen.findByText(/of a kind that is not computed in the browser/)).toHaveTextContent("vayu reproduce delhi");
});

test("a forecast whose parts are gone says so", async () => {
  await open(await published());
  await userEvent.click(await screen.findByRole("radio", { name: "PM2.5" }));
  expect(await screen.findByText(/kept for three days/)).toBeVisible();
});

test("in Hindi", async () => {
  await activate("hi");
  await open(await published());
  expect(await screen.findByText(/सभी 48 घंटे/)).toBeVisible();
});
