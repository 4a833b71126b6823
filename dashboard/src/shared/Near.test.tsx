import { act, render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Near } from "./Near";

const element = (
  <Near>
    <p>below</p>
  </Near>
);

test("what is below is drawn once the reader comes near", () => {
  let tell: (entries: { isIntersecting: boolean }[]) => void = () => undefined;
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      constructor(callback: typeof tell) {
        tell = callback;
      }
      observe() {}
      disconnect() {}
    },
  );
  const comes = (isIntersecting: boolean) => act(() => tell([{ isIntersecting }]));
  const { container } = render(element);
  comes(false);
  expect(screen.queryByText("below")).not.toBeInTheDocument();
  expect(container.querySelector(".later")).not.toBeNull();
  comes(true);
  expect(screen.getByText("below")).toBeVisible();
  expect(container.querySelector(".later")).toBeNull();
  vi.unstubAllGlobals();
});

test("a browser that cannot tell draws it at once", () => {
  render(element);
  expect(screen.getByText("below")).toBeVisible();
});
