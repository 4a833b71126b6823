import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { beforeEach, expect, test } from "vitest";
import { city, overview } from "../features/overview/testing";
import { createQueryClient } from "../shared/api/queryClient";
import { server } from "../shared/testing/server";
import { App } from "./App";

beforeEach(() => {
  server.use(http.get("*/api/v1/overview", () => HttpResponse.json(overview([city("Delhi", { aqi: 300 })]))));
});

async function open(path: string) {
  window.history.replaceState(null, "", path);
  render(<App queryClient={createQueryClient()} />);
  await screen.findByRole("heading", { level: 1 });
}

test("the page has its landmarks and a way past the navigation", async () => {
  await open("/");
  expect(screen.getByRole("banner")).toBeVisible();
  expect(screen.getByRole("main")).toHaveAttribute("id", "main");
  expect(screen.getByRole("contentinfo")).toHaveTextContent("CC BY 4.0");
  expect(screen.getByRole("link", { name: "Skip to the content" })).toHaveAttribute("href", "#main");
  await waitFor(() => expect(document.title).toBe("Air quality in 56 Indian cities · Vayu"));
});

test("another page takes the focus, and is marked in the navigation", async () => {
  await open("/");
  await userEvent.click(screen.getByRole("link", { name: "About" }));
  expect(await screen.findByRole("heading", { level: 1, name: "About Vayu" })).toBeVisible();
  expect(screen.getByRole("main")).toHaveFocus();
  expect(screen.getByRole("link", { name: "About" })).toHaveAttribute("aria-current", "page");
});

test("an address without a page says so", async () => {
  await open("/nowhere");
  expect(screen.getByRole("heading", { level: 1 })).toHaveTextContent("There is no such page");
});

test("language and colours are chosen and kept", async () => {
  await open("/");
  await screen.findByRole("article", { name: "Delhi" });
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Colours" }), "Dark");
  expect(document.documentElement.dataset["theme"]).toBe("dark");
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Language" }), "hi");
  expect(await screen.findByRole("link", { name: "सारांश" })).toBeVisible();
  expect(await screen.findByRole("article", { name: "दिल्ली" })).toBeVisible();
  expect(localStorage.getItem("vayu.theme")).toBe("dark");
  expect(localStorage.getItem("vayu.locale")).toBe("hi");
});

test("the header says live, and offline when the network is gone", async () => {
  await open("/");
  await screen.findByRole("article", { name: "Delhi" });
  const header = within(screen.getByRole("banner"));
  expect(await header.findByText("Checked every minute")).toBeVisible();
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
  try {
    act(() => void window.dispatchEvent(new Event("offline")));
    expect(await header.findByText(/^Offline, \d+ min old$/)).toBeVisible();
  } finally {
    Reflect.deleteProperty(navigator, "onLine");
  }
});
