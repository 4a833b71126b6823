/** The ladder against a real server: what is cut, taken away and given back loses no event. */
import { EventSource } from "eventsource";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { WebSocket as Socket } from "ws";
import { server as mocked } from "../testing/server";
import { Ladder, type Pace, type Way } from "./ladder";
import { LiveServer } from "./testing";

const PACE: Pace = { least: 10, most: 80, patience: 60, gap: 400, silence: 5000, answer: 2000 };

let server: LiveServer;
let ladder: Ladder;
let seen: number[];
let ways: Way[];
let reloads: number;

// Its own server takes every request.
beforeAll(() => mocked.close());
afterAll(() => mocked.listen());
beforeEach(async () => {
  server = await LiveServer.open();
  seen = [];
  ways = [];
  reloads = 0;
});
afterEach(async () => {
  ladder.stop();
  await server.close();
});

function climb(pace: Partial<Pace> = {}): void {
  ladder = new Ladder({
    live: server.live,
    pace: { ...PACE, ...pace },
    EventSource,
    // jsdom's and Node's events do not mix.
    WebSocket: Socket,
    onEvent: ({ seq }) => seen.push(seq),
    onReload: () => (reloads += 1),
    onFirst: () => undefined,
    onWay: (way) => ways.push(way),
  });
  ladder.start();
}

const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });
const reaches = (way: Way) => until(() => expect(ladder.way).toBe(way));
const all = () => server.events.map(({ seq }) => seq);

test("the WebSocket is used where there is one", async () => {
  climb({ patience: 20_000 });
  await reaches("websocket");
  expect(server.hellos).toEqual([{ type: "hello", after: null, cities: null, kinds: null }]);
  server.add("hours", "Delhi");
  server.add("forecast");
  await until(() => expect(seen).toEqual([1, 2]));
  expect(server.streams).toBe(0);
  expect(ways).toEqual(["websocket"]);
});

test("after 30 cuts, by either way, every event has come once and in order", async () => {
  climb();
  await reaches("websocket");
  for (let cut = 0; cut < 30; cut += 1) {
    server.hasSocket = cut % 3 !== 2;
    server.add("hours", "Delhi");
    server.cut();
    server.add("forecast", "Delhi");
    await until(() => expect(server.connections + server.streams).toBeGreaterThan(0));
  }
  server.hasSocket = true;
  await reaches("websocket");
  await until(() => expect(seen).toEqual(all()));
  expect(seen).toHaveLength(60);
  expect(reloads).toBe(0);
});

test("it falls to the event stream, then to polling, and climbs back, without a gap", async () => {
  climb();
  await reaches("websocket");
  server.add("hours", "Delhi");
  await until(() => expect(seen).toEqual([1]));

  server.hasSocket = false;
  server.cut();
  server.add("hours", "Delhi");
  await reaches("events");
  server.add("hours", "Agra");
  await until(() => expect(seen).toEqual([1, 2, 3]));

  server.hasStream = false;
  server.cut();
  server.add("forecast");
  await reaches("polling");

  server.hasStream = true;
  await reaches("events");
  await until(() => expect(seen).toEqual([1, 2, 3, 4]));

  server.hasSocket = true;
  await reaches("websocket");
  await until(() => expect(server.streams).toBe(0));
  server.add("model", "Delhi");
  await until(() => expect(seen).toEqual(all()));
});

test("a stream that the service ends again and again is no failure", async () => {
  server.hasSocket = false;
  server.endsStreams = true;
  climb({ gap: 20_000 });
  await reaches("events");
  ways = [];
  for (let event = 0; event < 5; event += 1) {
    const seq = server.add("hours", "Delhi");
    await until(() => expect(seen.at(-1)).toBe(seq));
  }
  expect(seen).toEqual(all());
  expect(ladder.way).toBe("events");
  expect(ways).toEqual([]);
});

test("without anything it polls, asks again ever less often, and climbs when there is something", async () => {
  server.hasLive = false;
  climb({ most: 40 });
  await reaches("polling");
  await until(() => expect(server.requests.length).toBeGreaterThan(3));
  server.hasLive = true;
  await reaches("websocket");
});

test.each([true, false])("what is no longer there is a reload (WebSocket: %s)", async (hasSocket) => {
  server.hasSocket = hasSocket;
  climb();
  await reaches(hasSocket ? "websocket" : "events");
  server.add("hours", "Delhi");
  await until(() => expect(seen).toEqual([1]));
  ladder.stop();
  await until(() => expect(server.connections + server.streams).toBe(0));
  for (let event = 0; event < 5; event += 1) server.add("hours");
  server.oldest = 4;
  ladder.start();
  await until(() => expect(reloads).toBe(1));
  await until(() => expect(server.connections + server.streams).toBe(1));
  server.add("forecast");
  await until(() => expect(seen).toEqual([1, 7]));
  expect(reloads).toBe(1);
});

test("numbers that begin anew are a reload", async () => {
  climb();
  await reaches("websocket");
  for (let event = 0; event < 3; event += 1) server.add("hours");
  await until(() => expect(seen).toEqual([1, 2, 3]));
  server.events.length = 0;
  server.cut();
  await until(() => expect(reloads).toBeGreaterThan(0));
  await until(() => expect(server.connections).toBe(1));
  server.add("hours");
  await until(() => expect(seen).toEqual([1, 2, 3, 1]));
});

test("it stops when it is stopped, and continues where it was", async () => {
  climb();
  await reaches("websocket");
  server.add("hours");
  await until(() => expect(seen).toEqual([1]));
  ladder.stop();
  await until(() => expect(server.connections).toBe(0));
  server.add("hours");
  server.add("forecast");
  ladder.start();
  await until(() => expect(seen).toEqual([1, 2, 3]));
  expect(server.hellos.at(-1)).toMatchObject({ after: 1 });
});

test("a connection whose other end is gone is replaced", async () => {
  climb({ silence: 30, answer: 400 });
  await reaches("websocket");
  // As long as signs of life are answered it stays.
  await until(() => expect(server.pings).toBeGreaterThan(2));
  expect(server.hellos).toHaveLength(1);
  server.answers = false;
  await until(() => expect(server.hellos.length).toBeGreaterThan(1));
});

test("what it does not understand costs nothing", async () => {
  climb();
  await reaches("websocket");
  for (const text of ["", "{", "[]", "null", '{"type":"event"}', '{"type":"event","seq":-1,"kind":"hours","cities":[]}', '{"type":"later"}']) server.send(text);
  server.send('{"type":"error","detail":"what?"}');
  server.add("hours");
  await until(() => expect(seen).toEqual([1]));
  expect(reloads).toBe(0);
});
