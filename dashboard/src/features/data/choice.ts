/** What a reader asks the history for. The rules are those of `common/api/history.py`, which refuses everything else. */
export interface Choice {
  city: string;
  period: Period;
  hours: number;
  days: number;
  /** Indian dates, both included; empty while they are being typed. */
  from: string;
  to: string;
  interval: Interval;
  standard: Standard;
  format: Format;
}

export const PERIODS = ["hours", "days", "dates"] as const;
export const INTERVALS = ["hour", "day"] as const;
export const STANDARDS = ["in-naqi", "us-epa"] as const;
export const FORMATS = ["csv", "json", "xlsx", "parquet"] as const;
export type Period = (typeof PERIODS)[number];
export type Interval = (typeof INTERVALS)[number];
export type Standard = (typeof STANDARDS)[number];
export type Format = (typeof FORMATS)[number];

export const DAYS_MOST = 3660;
/** Of a workbook: the hours of a leap year. */
export const XLSX_ROWS = 8784;
export const HOURS_MOST = 24 * DAYS_MOST;
export const EARLIEST = "2000-01-01";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Indian Standard Time is five and a half hours ahead of UTC, all year. */
const IST = 5.5 * HOUR;
/** The city becomes part of lines that readers copy into a shell: a link with anything else in its place must not get there. */
const SLUG = /^[a-z0-9-]{1,100}$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** The Indian date of a time, as YYYY-MM-DD. */
export function indianDate(time: number): string {
  return new Date(time + IST).toISOString().slice(0, 10);
}

/** When an Indian date begins, in milliseconds. */
export function indianDayStart(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) - IST;
}

/** The end of the last full Indian hour; stamps in UTC end in :30. */
function lastFullHour(now: number): number {
  return Math.floor((now + IST) / HOUR) * HOUR - IST;
}

function pick<T extends string>(allowed: readonly T[], value: string | null, otherwise: T): T {
  return allowed.find((candidate) => candidate === value) ?? otherwise;
}

/** The choice that an address of the page describes; what it does not say, or says wrongly, has its usual value. */
export function choiceOf(params: URLSearchParams, now: number): Choice {
  const number = (name: string, otherwise: number) => {
    const text = params.get(name);
    return text === null ? otherwise : text.trim() === "" ? NaN : Number(text);
  };
  return {
    city: SLUG.exec(params.get("city") ?? "")?.[0] ?? "delhi",
    period: pick(PERIODS, params.get("period"), "days"),
    hours: number("hours", 24),
    days: number("days", 7),
    from: params.get("from") ?? indianDate(now - 7 * DAY),
    to: params.get("to") ?? indianDate(now),
    interval: pick(INTERVALS, params.get("interval"), "hour"),
    standard: pick(STANDARDS, params.get("standard"), "in-naqi"),
    format: pick(FORMATS, params.get("format"), "csv"),
  };
}

export type Fault = TimeFault | "workbook";
type TimeFault = "hours" | "days" | "date" | "order" | "future" | "early" | "long";

/** Why the API would refuse the choice; null where it would not. */
export function faultOf(choice: Choice, now: number): Fault | null {
  return timeFaultOf(choice, now) ?? (choice.format === "xlsx" && rowsOf(choice, now) > XLSX_ROWS ? "workbook" : null);
}

function timeFaultOf(choice: Choice, now: number): TimeFault | null {
  if (choice.period === "hours") return isWhole(choice.hours, HOURS_MOST) ? null : "hours";
  if (choice.period === "days") return isWhole(choice.days, DAYS_MOST) ? null : "days";
  const { from, to } = choice;
  if (![from, to].every((date) => DATE.test(date) && !Number.isNaN(Date.parse(date)))) return "date";
  if (from > to) return "order";
  if (indianDayStart(from) >= lastFullHour(now)) return "future";
  if (from < EARLIEST) return "early";
  return (indianDayStart(to) - indianDayStart(from)) / DAY + 1 > DAYS_MOST ? "long" : null;
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}

/** Path and query of the history below the API's base. */
export function historyPath(choice: Choice): string {
  const query = new URLSearchParams();
  if (choice.period === "hours") query.set("hours", String(choice.hours));
  else if (choice.period === "days") query.set("days", String(choice.days));
  else {
    query.set("start", `${choice.from}T00:00:00+05:30`);
    query.set("end", `${indianDate(indianDayStart(choice.to) + DAY)}T00:00:00+05:30`);
  }
  if (choice.interval !== "hour") query.set("interval", choice.interval);
  if (choice.standard !== "in-naqi") query.set("standard", choice.standard);
  // Always, so that a browser gets the same as a program, whatever it says it accepts.
  query.set("format", choice.format);
  return `/aqi/history/${choice.city}?${query.toString()}`;
}

/** What ends after `start` and by `end`, in milliseconds. */
interface Range {
  start: number;
  end: number;
}

/** The window that the API makes of the choice. */
export function rangeOf(choice: Choice, now: number): Range {
  const last = lastFullHour(now);
  if (choice.period === "hours") return { start: last - choice.hours * HOUR, end: last };
  if (choice.period === "dates") return { start: indianDayStart(choice.from), end: Math.min(indianDayStart(choice.to) + DAY, last) };
  if (choice.interval === "hour") return { start: last - choice.days * DAY, end: last };
  return { start: indianDayStart(indianDate(last - 1)) - (choice.days - 1) * DAY, end: last };
}

/** How many rows there are if nothing is missing. */
export function rowsOf(choice: Choice, now: number): number {
  const { start, end } = rangeOf(choice, now);
  if (choice.interval === "hour") return Math.round((end - start) / HOUR);
  return Math.round((indianDayStart(indianDate(end - 1)) - indianDayStart(indianDate(start))) / DAY) + 1;
}

/** The first and the last `rows` of the window. */
export function previewRanges(choice: Choice, now: number, rows: number): { first: Range; last: Range } {
  const { start, end } = rangeOf(choice, now);
  const length = rows * (choice.interval === "hour" ? HOUR : DAY);
  return { first: { start, end: Math.min(start + length, end) }, last: { start: Math.max(start, end - length), end } };
}
