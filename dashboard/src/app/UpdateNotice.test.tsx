import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { renderPage } from "../shared/testing/render";

/** A browser's registration, whose worker waits from the beginning or is found later. */
class Registration extends EventTarget {
  waiting: Worker | null = null;
  installing: Worker | null = null;
  active: Worker | null = null;
  update = vi.fn<() => Promise<void>>();
}

class Worker extends EventTarget {
  scriptURL = new URL("/sw.js", window.location.origin).href;
  state = "installed";
  messages: unknown[] = [];
  postMessage(message: unknown) {
    this.messages.push(message);
  }
}

class Container extends EventTarget {
  controller: Worker | null = new Worker();
  registration = new Registration();
  register = () => Promise.resolve(this.registration);
  ready = Promise.resolve(this.registration);
}

let container: Container;

beforeEach(() => {
  vi.resetModules();
  container = new Container();
  Object.defineProperty(navigator, "serviceWorker", { value: container, configurable: true });
});

afterEach(() => {
  Reflect.deleteProperty(navigator, "serviceWorker");
});

async function open() {
  const { registerWorker } = await import("./update");
  const { UpdateNotice } = await import("./UpdateNotice");
  await renderPage(<UpdateNotice />);
  await registerWorker();
}

test("a version that is found during a visit waits for the reader's click", async () => {
  await open();
  expect(screen.queryByRole("button")).not.toBeInTheDocument();
  const found = new Worker();
  found.state = "installing";
  container.registration.installing = found;
  await act(async () => {
    container.registration.dispatchEvent(new Event("updatefound"));
    container.registration.waiting = found;
    found.state = "installed";
    found.dispatchEvent(new Event("statechange"));
    await vi.waitFor(() => expect(screen.getByRole("button", { name: "Load it" })).toBeVisible());
  });
  expect(found.messages).toEqual([]);
  await userEvent.click(screen.getByRole("button", { name: "Load it" }));
  expect(found.messages).toEqual([{ type: "SKIP_WAITING" }]);
});

test("a version that waited since the last visit is taken at once", async () => {
  const waiting = new Worker();
  container.registration.waiting = waiting;
  await open();
  await vi.waitFor(() => expect(waiting.messages).toEqual([{ type: "SKIP_WAITING" }]));
  expect(screen.queryByRole("button")).not.toBeInTheDocument();
});
