import { render, screen } from "@testing-library/react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { Later } from "./Later";

test("first there is a place for it, then what it holds", () => {
  const element = (
    <Later>
      <p>below</p>
    </Later>
  );
  expect(renderToString(element)).toBe('<div class="later"></div>');
  const { container } = render(element);
  expect(screen.getByText("below")).toBeVisible();
  expect(container.querySelector(".later")).toBeNull();
});
