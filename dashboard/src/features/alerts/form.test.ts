import { expect, test } from "vitest";
import { ApiError } from "../../shared/api/errors";
import { bodyOf, changesOf, clearBelowOf, conditionFaults, emptyForm, faultsOf, type Form, formOf, refusedFields } from "./form";
import { alert } from "./testing";

const FORM: Form = { ...emptyForm("delhi", "en"), address: "name@example.org" };

test("what is there by itself is a whole rule", () => {
  expect(faultsOf(FORM)).toEqual({});
  expect(bodyOf(FORM)).toEqual({
    city: "delhi",
    when: { on: "forecast", target: "aqi", above: 300, clear_below: 270, dwell: 2, within_hours: 24, probability: 0.5 },
    to: { channel: "email", address: "name@example.org" },
    language: "en",
    quiet_hours: null,
    repeat_after_hours: 12,
  });
});

test("a rule on measurements has neither a horizon nor a probability, whatever stands in the fields", () => {
  const form: Form = { ...FORM, on: "measured", withinHours: "", probability: "" };
  expect(faultsOf(form)).toEqual({});
  expect(bodyOf(form).when).toEqual({ on: "measured", target: "aqi", above: 300, clear_below: 270, dwell: 2 });
});

test("quiet hours and the rest go as they are entered", () => {
  const form: Form = { ...FORM, quiet: true, zone: "Europe/Berlin", repeat: "", language: "hi", channel: "sms", address: "+91 98123 45678" };
  expect(bodyOf(form)).toMatchObject({
    quiet_hours: { from: "22:00", to: "06:00", zone: "Europe/Berlin" },
    repeat_after_hours: null,
    language: "hi",
    to: { address: "+919812345678" },
  });
});

test.each([
  [{ city: "" }, "city", "missing"],
  [{ above: "" }, "above", "missing"],
  [{ above: "0" }, "above", "range"],
  [{ above: "500" }, "above", "range"],
  [{ above: "1e999" }, "above", "range"],
  [{ above: "many" }, "above", "range"],
  [{ target: "pm25", above: "2001" }, "above", "range"],
  [{ clearBelow: "301" }, "clearBelow", "above-clear"],
  [{ clearBelow: "0" }, "clearBelow", "range"],
  [{ clearBelow: "x" }, "clearBelow", "range"],
  [{ withinHours: "0" }, "withinHours", "whole"],
  [{ withinHours: "49" }, "withinHours", "whole"],
  [{ withinHours: "1.5" }, "withinHours", "whole"],
  [{ probability: "0" }, "probability", "range"],
  [{ probability: "101" }, "probability", "range"],
  [{ dwell: "25" }, "dwell", "whole"],
] as const)("%o is wrong", (changes, field, kind) => {
  const faults = conditionFaults({ ...FORM, ...changes });
  expect(Object.keys(faults)).toEqual([field]);
  expect(faults[field]?.kind).toBe(kind);
});

test.each([
  ["email", "name", "email"],
  ["email", "two names@example.org", "email"],
  ["webhook", "ftp://example.org/", "https"],
  ["webhook", "example.org", "https"],
  ["slack", "javascript:alert(1)", "https"],
  ["sms", "9812345678", "phone"],
  ["sms", "", "missing"],
] as const)("%s to %s is wrong", (channel, address, kind) => {
  expect(faultsOf({ ...FORM, channel, address })).toMatchObject({ address: { kind } });
});

test.each([
  ["email", "name@example.org"],
  ["webhook", "https://example.org:8443/hook?x=1"],
  ["webhook", "http://intranet/hook"],
  ["slack", "https://hooks.slack.com/services/T/B/x"],
  ["sms", "+919812345678"],
] as const)("%s to %s is right", (channel, address) => {
  expect(faultsOf({ ...FORM, channel, address })).toEqual({});
});

test("quiet hours that end when they begin are wrong, if there are any", () => {
  expect(faultsOf({ ...FORM, quietTo: "22:00" })).toEqual({});
  expect(faultsOf({ ...FORM, quiet: true, quietTo: "22:00" })).toEqual({ quietTo: { kind: "same-time" } });
});

test.each([
  alert(),
  alert({ when: { on: "measured", target: "pm25", above: 33.3, clear_below: 29.97, within_hours: null, probability: null, dwell: 1 } }),
  alert({ quiet_hours: { from: "23:00", to: "05:00", zone: "UTC" }, repeat_after_hours: null, language: "hi" }),
  alert({ when: { ...alert().when, probability: 0.333 } }),
])("the form of an alert is that alert (%#)", (existing) => {
  const form = formOf(existing);
  expect(faultsOf(form, existing.to.channel)).toEqual({});
  expect(changesOf(form, form)).toEqual({});
  const { on, target, above, clear_below, dwell, within_hours, probability } = existing.when;
  const ahead = on === "forecast" ? { within_hours, probability } : {};
  expect(bodyOf(form)).toMatchObject({
    when: { on, target, above, clear_below, dwell, ...ahead },
    language: existing.language,
    quiet_hours: existing.quiet_hours,
    repeat_after_hours: existing.repeat_after_hours,
  });
});

test("every percentage comes back as it was", () => {
  for (let percent = 1; percent <= 100; percent += 1) {
    const probability = percent / 100;
    const form = formOf(alert({ when: { ...alert().when, probability } }));
    expect(form.probability).toBe(String(percent));
    expect(bodyOf(form).when.probability).toBe(probability);
  }
});

test.each([
  [{ above: "400" }, { when: { above: 400, clear_below: 360 } }],
  [{ on: "measured" }, { when: { on: "measured", target: "aqi", above: 300, clear_below: 270, dwell: 2 } }],
  [{ quiet: true }, { quiet_hours: { from: "22:00", to: "06:00", zone: "Asia/Kolkata" } }],
  [{ repeat: "" }, { repeat_after_hours: null }],
  [{ language: "hi" }, { language: "hi" }],
  [{ address: "https://example.org/b" }, { to: { channel: "webhook", address: "https://example.org/b" } }],
] as const)("a change of %o changes that and nothing else", (changes, body) => {
  const before = formOf(alert());
  const sent = changesOf(before, { ...before, ...changes });
  expect(sent).toMatchObject(body);
  expect(Object.keys(sent)).toEqual(Object.keys(body));
});

test("no address is needed where the one that is known stays", () => {
  const form = formOf(alert());
  expect(faultsOf(form, "webhook")).toEqual({});
  expect(faultsOf({ ...form, channel: "sms" }, "webhook")).toEqual({ address: { kind: "missing" } });
  expect(faultsOf({ ...form, address: "x" }, "webhook")).toEqual({ address: { kind: "https" } });
});

test("where nothing is entered an alert is over a tenth below", () => {
  expect(clearBelowOf({ ...FORM, above: "300" })).toBe(270);
  expect(clearBelowOf({ ...FORM, above: "33.3" })).toBe(30);
  expect(clearBelowOf({ ...FORM, above: "300", clearBelow: "280" })).toBe(280);
});

test("what the service finds wrong belongs to its field", () => {
  const errors = [
    { pointer: "/to/address", given: "https://10.0.0.1/", allowed: "an address on the internet" },
    { pointer: "/when/within_hours", given: "49", allowed: "1 to 48" },
    { pointer: "/elsewhere", given: "1", allowed: "2" },
    { parameter: "limit", given: "1", allowed: "2" },
  ];
  const error = ApiError.fromAnswer(new Response(null, { status: 400 }), { detail: "no", errors });
  expect(refusedFields(error)).toEqual({
    address: { kind: "refused", allowed: "an address on the internet" },
    withinHours: { kind: "refused", allowed: "1 to 48" },
  });
  expect(refusedFields(new Error("x"))).toEqual({});
});
