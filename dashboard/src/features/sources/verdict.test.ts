import { expect, test } from "vitest";
import { city, overview } from "../overview/testing";
import { byAge, countByAge } from "./ages";
import { ago, source } from "./testing";
import { nothingReached, verdictOf } from "./verdict";

const now = Date.now();

test.each([
  ["fresh values", source(), { kind: "delivers" }],
  ["an hour that is three hours old is not late yet", source({ lag_minutes: 180 }), { kind: "delivers" }],
  ["nothing new", source({ lag_minutes: 181 }), { kind: "silent" }],
  ["no value ever", source({ lag_minutes: null }), { kind: "empty" }],
  ["our schedule stands still", source({ last_run: ago(131, now) }), { kind: "not-asked" }],
  ["their server", source({ state: "failing", reason: "server_error" }), { kind: "fails", side: "provider" }],
  ["our key", source({ state: "failing", reason: "key" }), { kind: "fails", side: "us" }],
  ["our quota", source({ state: "failing", reason: "spent" }), { kind: "fails", side: "us" }],
  ["an unknown reason is the provider's", source({ state: "failing", reason: "new" }), { kind: "fails", side: "provider" }],
  ["one name that cannot be resolved", source({ state: "failing", reason: "dns" }), { kind: "fails", side: "network" }],
  [
    "a source at rest is not asked on purpose",
    source({ state: "resting", reason: "timeout", last_run: ago(600, now), resting_until: ago(-60, now) }),
    { kind: "fails", side: "provider" },
  ],
  [
    "a rest that is over, and still it was not asked",
    source({ state: "resting", reason: "timeout", last_run: ago(600, now), resting_until: ago(200, now) }),
    { kind: "not-asked" },
  ],
])("%s", (_, given, expected) => {
  expect(verdictOf(given, now, false)).toMatchObject(expected);
});

test("where nothing can be reached, it is our own network", () => {
  const dns = source({ state: "failing", reason: "dns" });
  expect(nothingReached([dns, dns])).toBe(true);
  expect(nothingReached([dns, source()])).toBe(false);
  expect(nothingReached([dns])).toBe(false);
  expect(verdictOf(dns, now, true)).toMatchObject({ side: "us" });
});

test("cities are counted by age, those without data apart and first", () => {
  const at = Date.parse("2025-11-05T12:30:00Z");
  const cities = [city("Delhi", { aqi: 300 }), city("Agra", {}), city("Pune", { aqi: 80 })];
  const [, , pune] = cities;
  if (pune?.latest) pune.latest.timestamp = "2025-11-04T12:00:00Z";
  const aged = byAge(overview(cities).cities, at);
  expect(aged.map((row) => row.city.name)).toEqual(["Agra", "Pune", "Delhi"]);
  expect(countByAge(aged)).toEqual({ classes: [0, 1, 0, 0, 0, 0, 1], none: 1 });
});
