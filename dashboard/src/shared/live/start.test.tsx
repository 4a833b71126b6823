/** What the page does with events: it reads again what they concern, as long as it is seen, and says how it learns of them. */
import { type QueryClient, QueryObserver, queryOptions, useQuery } from "@tanstack/react-query";
import { act, screen } from "@testing-library/react";
import { EventSource } from "eventsource";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { WebSocket as Socket } from "ws";
import { createQueryClient } from "../api/queryClient";
import { renderPage } from "../testing/render";
import { server as mocked } from "../testing/server";
import type { Changes } from "./changes";
import { LiveState } from "./LiveState";
import { currentWay, setWay } from "./liveStore";
import { startLive } from "./start";
import { LiveServer } from "./testing";

const PACE = { least: 10, most: 80, patience: 60, gap: 400, silence: 5000, answer: 2000 };
/** The second reading is far away, unless a test is about it. */
const RENEWAL = { gather: 20, again: 60_000, spread: 1 };

let server: LiveServer;
let client: QueryClient;
let stop = () => {};
let reads: Record<string, number>;

beforeAll(() => mocked.close());
afterAll(() => mocked.listen());
beforeEach(async () => {
  server = await LiveServer.open();
  client = createQueryClient();
  reads = {};
});
afterEach(async () => {
  stop();
  client.clear();
  Reflect.deleteProperty(document, "visibilityState");
  await server.close();
});

const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

/** A query that is shown, and counts how often it is read. */
async function show(name: string, changes: Changes | null, data: unknown = {}): Promise<void> {
  const options = queryOptions({
    queryKey: [name],
    queryFn: () => {
      reads[name] = (reads[name] ?? 0) + 1;
      return Promise.resolve(data);
    },
    ...(changes === null ? {} : { meta: { changes } }),
  });
  new QueryObserver(client, options).subscribe(() => undefined);
  await until(() => expect(client.getQueryData([name])).toBeDefined());
}

async function start(renewal = RENEWAL) {
  stop = startLive(client, { live: server.live, pace: PACE, renewal, hidden: 30, EventSource, WebSocket: Socket });
  await until(() => expect(currentWay().way).toBe("websocket"));
}

function see(visibility: DocumentVisibilityState) {
  Object.defineProperty(document, "visibilityState", { value: visibility, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

test("an event has those queries read again that it concerns, and no others", async () => {
  await show("overview", { kinds: ["hours", "forecast"] });
  await show("delhi", { kinds: ["forecast"], cities: ["delhi"] });
  await show("navi-mumbai", { kinds: ["forecast"], cities: ["navi-mumbai"] });
  await show("bengaluru", { kinds: ["forecast"], cities: ["bengaluru"] }, { city: "Bangalore" });
  await show("delhi-hours", { kinds: ["hours"], cities: ["delhi"] });
  await show("about", null);
  await start();
  expect(reads).toEqual({ overview: 1, delhi: 1, "navi-mumbai": 1, bengaluru: 1, "delhi-hours": 1, about: 1 });
  server.add("forecast", "Delhi");
  await until(() => expect(reads).toEqual({ overview: 2, delhi: 2, "navi-mumbai": 1, bengaluru: 1, "delhi-hours": 1, about: 1 }));
  server.add("forecast", "Navi Mumbai", "Bangalore");
  await until(() => expect(reads).toEqual({ overview: 3, delhi: 2, "navi-mumbai": 2, bengaluru: 2, "delhi-hours": 1, about: 1 }));
  server.add("hours");
  await until(() => expect(reads).toEqual({ overview: 4, delhi: 2, "navi-mumbai": 2, bengaluru: 2, "delhi-hours": 2, about: 1 }));
  server.add("model", "Delhi");
  server.add("hours");
  await until(() => expect(reads["delhi-hours"]).toBe(3));
  expect(reads["delhi"]).toBe(2);
});

test("56 events at a time are one reading", async () => {
  await show("overview", { kinds: ["forecast"] });
  await start({ ...RENEWAL, gather: 200 });
  for (let city = 0; city < 56; city += 1) server.add("forecast", "Delhi");
  await until(() => expect(reads["overview"]).toBe(2));
  server.add("forecast", "Agra");
  await until(() => expect(reads["overview"]).toBe(3));
});

test("a service that answers from before the change is asked a second time", async () => {
  await show("overview", { kinds: ["forecast"] });
  await start({ gather: 10, again: 150, spread: 10 });
  // Once more, for what changed while the connection came up.
  await until(() => expect(reads["overview"]).toBe(2));
  server.add("forecast", "Delhi");
  await until(() => expect(reads["overview"]).toBe(3));
  await until(() => expect(reads["overview"]).toBe(4));
});

test("a reload has everything read again", async () => {
  await show("delhi", { kinds: ["forecast"], cities: ["delhi"] });
  await show("about", null);
  await start();
  server.send('{"type":"reload"}');
  await until(() => expect(reads).toEqual({ delhi: 2, about: 2 }));
});

test("a page that nobody sees gives its connection up, and catches up when it is seen again", async () => {
  await show("delhi", { kinds: ["forecast"], cities: ["delhi"] });
  await start();
  await until(() => expect(server.connections).toBe(1));
  see("hidden");
  await until(() => expect(server.connections).toBe(0));
  server.add("forecast", "Delhi");
  see("visible");
  await until(() => expect(reads["delhi"]).toBe(2));
  expect(currentWay().way).toBe("websocket");
});

test("a look at another page costs no connection", async () => {
  await show("overview", { kinds: ["hours"] });
  // Gathered for longer than a page may be hidden.
  await start({ ...RENEWAL, gather: 150 });
  await until(() => expect(server.connections).toBe(1));
  see("hidden");
  see("visible");
  server.add("hours");
  await until(() => expect(reads["overview"]).toBe(2));
  expect(server.hellos).toHaveLength(1);
});

test("the network's return is not waited for", async () => {
  await start();
  server.hasSocket = false;
  server.hasStream = false;
  server.hasLive = false;
  server.cut();
  await until(() => expect(currentWay().way).toBe("polling"));
  server.hasSocket = true;
  server.hasLive = true;
  window.dispatchEvent(new Event("online"));
  await until(() => expect(currentWay().way).toBe("websocket"));
});

function Page() {
  useQuery({ queryKey: ["page"], queryFn: () => Promise.resolve({}) });
  return <LiveState />;
}

test.each([
  ["websocket", "Live"],
  ["events", "Live by events"],
  ["polling", "Checked every minute"],
  ["connecting", "Connecting"],
] as const)("the header says of %s: %s", async (way, text) => {
  setWay(way);
  await renderPage(<Page />);
  await vi.waitFor(() => expect(screen.getByRole("status")).toHaveTextContent(new RegExp(`^${text}$`)));
  setWay("polling");
});

test("a connection keeps the page up to date without any answer; without it, its age counts from its end", async () => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  try {
    setWay("websocket");
    await renderPage(<Page />);
    await vi.waitFor(() => expect(screen.getByRole("status")).toHaveTextContent("Live"));
    act(() => void vi.advanceTimersByTime(30 * 60_000));
    expect(screen.getByRole("status")).toHaveTextContent(/^Live$/);
    act(() => setWay("polling"));
    act(() => void vi.advanceTimersByTime(4 * 60_000));
    expect(screen.getByRole("status")).toHaveTextContent("4 min old");
  } finally {
    vi.useRealTimers();
  }
});
