import { expect, test } from "vitest";
import { createFormat } from "./format";

const TIME = "2025-11-05T10:30:00Z";
const NOW = Date.parse("2025-11-05T10:42:00Z");

test("times are Indian Standard Time and say so", () => {
  expect(createFormat("en").fullMoment(TIME)).toBe("5 Nov 2025, 4:00 pm IST");
});

test("Hindi keeps the digits 0-9", () => {
  const hindi = createFormat("hi");
  for (const text of [hindi.number(12345.6, 1), hindi.fullMoment(TIME), hindi.relative(TIME, NOW), hindi.percent(0.42)]) {
    expect(text).toMatch(/[0-9]/);
    expect(text).not.toMatch(/[\u0966-\u096f]/);
  }
  expect(hindi.number(1234567)).toBe("12,34,567");
});

test("Hindi has whole months and a clock of 24 hours, as alerts have", () => {
  const hindi = createFormat("hi");
  expect(hindi.fullMoment(TIME)).toBe("5 नवंबर 2025, 16:00 IST");
  expect(hindi.moment(TIME)).toBe("5 नवंबर, 16:00 IST");
  expect(hindi.day(TIME)).toBe("बुध, 5 नवंबर");
  expect(hindi.hour("2025-11-05T18:30:00Z")).toBe("00:00");
});

test.each([
  ["2025-11-05T10:30:00Z", "12 minutes ago"],
  ["2025-11-05T08:30:00Z", "2 hours ago"],
  ["2025-11-02T10:30:00Z", "3 days ago"],
  ["2025-11-05T13:30:00Z", "in 3 hours"],
])("the age of %s is %s", (time, age) => {
  expect(createFormat("en").relative(time, NOW)).toBe(age);
});

test("the present is 0 minutes ago", () => {
  const now = Date.parse("2025-11-05T10:30:00Z");
  expect(createFormat("en").relative("2025-11-05T10:30:10Z", now)).toBe("0 minutes ago");
  expect(createFormat("en").relative("2025-11-05T10:29:50Z", now)).toBe("0 minutes ago");
});

test.each([
  [0.124, "+12%"],
  [-0.03, "−3%"],
  [-0.001, "0%"],
  [0, "0%"],
  [null, "–"],
])("a share of %s with its sign is %s", (share, text) => {
  expect(createFormat("en").signed(share)).toBe(text);
});
