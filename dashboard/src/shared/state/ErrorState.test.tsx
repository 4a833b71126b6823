import { act, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { ApiError } from "../api/errors";
import { renderPage } from "../testing/render";
import { ErrorState } from "./ErrorState";

afterEach(() => void vi.useRealTimers());

function tooMany(seconds: number): ApiError {
  return ApiError.fromAnswer(new Response(null, { status: 429, headers: { "Retry-After": String(seconds) } }), {});
}

test("429 counts down to the time that the server named, and offers no button until then", async () => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  await renderPage(<ErrorState error={tooMany(20)} retry={() => undefined} />);
  expect(screen.getByText("The page tries again in 20 seconds.")).toBeVisible();
  act(() => void vi.advanceTimersByTime(19_000));
  expect(screen.getByText("The page tries again in 1 second.")).toBeVisible();
  expect(screen.queryByRole("button")).not.toBeInTheDocument();
  act(() => void vi.advanceTimersByTime(2000));
  expect(screen.getByText("The page tries again now.")).toBeVisible();
});

test("the countdown is not part of what a screen reader is alerted of", async () => {
  await renderPage(<ErrorState error={tooMany(20)} retry={() => undefined} />);
  expect(screen.getByRole("alert")).not.toHaveTextContent("seconds");
});

test("an error without a remedy counts nothing down", async () => {
  const error = ApiError.fromAnswer(new Response(null, { status: 404 }), { detail: "No city is called 'Dehli'." });
  await renderPage(<ErrorState error={error} retry={() => undefined} />);
  expect(screen.queryByText(/tries again/)).not.toBeInTheDocument();
  expect(screen.queryByRole("button")).not.toBeInTheDocument();
});
