import { ApiError } from "../../shared/api/errors";
import type { Alert, AlertBody, AlertChange, Channel, Language, WhenBody } from "./types";

/** What the reader has entered, as text: it is judged as a whole, when it is sent. */
export interface Form {
  city: string;
  on: "measured" | "forecast";
  target: "aqi" | "pm25";
  above: string;
  /** Empty: a tenth below `above`, as the service does it. */
  clearBelow: string;
  withinHours: string;
  /** In percent. */
  probability: string;
  dwell: string;
  channel: Channel;
  address: string;
  quiet: boolean;
  quietFrom: string;
  quietTo: string;
  zone: string;
  /** Hours; empty: never. */
  repeat: string;
  language: Language;
}

export type Field = keyof Form;
export const CHANNELS = ["email", "webhook", "slack", "sms"] as const satisfies readonly Channel[];
export const REPEATS = ["", "3", "6", "12", "24", "48"] as const;

/** Very poor air begins above these: the first and most common reason to be told. */
export const ABOVE = { aqi: "300", pm25: "120" } as const;
/** The highest threshold that something can be above. */
export const MOST = { aqi: 499, pm25: 2000 } as const;

export function emptyForm(city: string, language: Language): Form {
  return {
    city,
    on: "forecast",
    target: "aqi",
    above: ABOVE.aqi,
    clearBelow: "",
    withinHours: "24",
    probability: "50",
    dwell: "2",
    channel: "email",
    address: "",
    quiet: false,
    quietFrom: "22:00",
    quietTo: "06:00",
    zone: "Asia/Kolkata",
    repeat: "12",
    language,
  };
}

/** What the form of an alert that exists begins with. Its address is known to the service alone: empty, it stays. */
export function formOf({ city, when, to, language, quiet_hours: quiet, repeat_after_hours: repeat }: Alert): Form {
  const empty = emptyForm(city, language);
  const form: Form = {
    ...empty,
    on: when.on,
    target: when.target,
    above: String(when.above),
    dwell: String(when.dwell),
    withinHours: String(when.within_hours ?? empty.withinHours),
    // 0.55 × 100 is not quite 55.
    probability: when.probability === null ? empty.probability : String(Math.round(when.probability * 1e6) / 1e4),
    channel: to.channel,
    repeat: repeat === null ? "" : String(repeat),
    ...(quiet === null ? {} : { quiet: true, quietFrom: quiet.from, quietTo: quiet.to, zone: quiet.zone }),
  };
  // What is a tenth below stays so when the threshold moves.
  return when.clear_below === clearBelowOf(form) ? form : { ...form, clearBelow: String(when.clear_below) };
}

/** The value below which an alert is over, where none is entered. */
export function clearBelowOf({ above, clearBelow }: Form): number {
  return clearBelow.trim() === "" ? Math.round(Number(above) * 0.9 * 10) / 10 : Number(clearBelow);
}

/** What is wrong with a field: the reader is told in words, see `words.ts`. */
export type Fault =
  | { kind: "missing" }
  | { kind: "range"; least: number; most: number }
  | { kind: "whole"; least: number; most: number }
  | { kind: "above-clear"; above: number }
  | { kind: "email" }
  | { kind: "https" }
  | { kind: "phone" }
  | { kind: "same-time" }
  /** The service's own words, in English. */
  | { kind: "refused"; allowed: string };

export type Faults = Partial<Record<Field, Fault>>;

function within(text: string, least: number, most: number, whole = false): Fault | undefined {
  if (text.trim() === "") return { kind: "missing" };
  const value = Number(text);
  if (whole && !(Number.isInteger(value) && value >= least && value <= most)) return { kind: "whole", least, most };
  return value >= least && value <= most ? undefined : { kind: "range", least, most };
}

/** What is wrong with the condition: all that a preview needs. */
export function conditionFaults(form: Form): Faults {
  const above = within(form.above, 1, MOST[form.target]);
  return defined({
    city: form.city === "" ? { kind: "missing" } : undefined,
    above,
    clearBelow: above === undefined ? clearFault(form) : undefined,
    dwell: within(form.dwell, 1, 24, true),
    ...(form.on === "forecast" ? { withinHours: within(form.withinHours, 1, 48, true), probability: within(form.probability, 1, 100) } : {}),
  });
}

function clearFault(form: Form): Fault | undefined {
  const value = clearBelowOf(form);
  if (!(value >= 0.5)) return { kind: "range", least: 0.5, most: Number(form.above) };
  return value > Number(form.above) ? { kind: "above-clear", above: Number(form.above) } : undefined;
}

/** `stays`: the channel of an alert that exists, whose address stays if none is entered. */
export function faultsOf(form: Form, stays?: Channel): Faults {
  const address = form.address.trim();
  return {
    ...conditionFaults(form),
    ...defined({
      address: address === "" && form.channel === stays ? undefined : addressFault(form.channel, address),
      quietTo: form.quiet && form.quietFrom === form.quietTo ? { kind: "same-time" } : undefined,
    }),
  };
}

/** Only what is surely wrong: the service knows more of addresses, and says so. */
function addressFault(channel: Channel, address: string): Fault | undefined {
  if (address === "") return { kind: "missing" };
  switch (channel) {
    case "email":
      return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address) ? undefined : { kind: "email" };
    case "webhook":
    case "slack":
      // An operator may allow addresses of an intranet, without https.
      return /^https?:$/.test(URL.parse(address)?.protocol ?? "") ? undefined : { kind: "https" };
    case "sms":
      return /^\+[1-9][0-9 ]{7,18}$/.test(address) ? undefined : { kind: "phone" };
  }
}

function defined(faults: { [field in Field]?: Fault | undefined }): Faults {
  return Object.fromEntries(Object.entries(faults).filter(([, fault]) => fault !== undefined));
}

/** The condition as the API takes it. */
export function whenOf(form: Form): WhenBody {
  return {
    on: form.on,
    target: form.target,
    above: Number(form.above),
    clear_below: clearBelowOf(form),
    dwell: Number(form.dwell),
    ...(form.on === "forecast" ? { within_hours: Number(form.withinHours), probability: Math.round(Number(form.probability) * 1e4) / 1e6 } : {}),
  };
}

export function bodyOf(form: Form): AlertBody {
  return {
    city: form.city,
    when: whenOf(form),
    to: { channel: form.channel, address: form.channel === "sms" ? form.address.replaceAll(" ", "") : form.address.trim() },
    language: form.language,
    quiet_hours: form.quiet ? { from: form.quietFrom, to: form.quietTo, zone: form.zone } : null,
    repeat_after_hours: form.repeat === "" ? null : Number(form.repeat),
  };
}

export function hasOtherCondition(before: Form, after: Form): boolean {
  return !isSame(whenOf(before), whenOf(after));
}

/** What has changed, and nothing else. */
export function changesOf(before: Form, after: Form): AlertChange {
  const was = bodyOf(before);
  const { when, to, language, quiet_hours: quiet, repeat_after_hours: repeat } = bodyOf(after);
  return {
    ...(hasOtherCondition(before, after) ? { when } : {}),
    ...(to.address === "" ? {} : { to }),
    ...(language === was.language ? {} : { language }),
    ...(isSame(quiet, was.quiet_hours) ? {} : { quiet_hours: quiet }),
    ...(repeat === was.repeat_after_hours ? {} : { repeat_after_hours: repeat }),
  };
}

/** Of two parts of a body, which are made in the same order. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Where the API's complaints belong in the form. */
const FIELDS: Record<string, Field> = {
  "/city": "city",
  "/when/on": "on",
  "/when/target": "target",
  "/when/above": "above",
  "/when/clear_below": "clearBelow",
  "/when/within_hours": "withinHours",
  "/when/probability": "probability",
  "/when/dwell": "dwell",
  "/to/channel": "channel",
  "/to/address": "address",
  "/quiet_hours": "quiet",
  "/quiet_hours/from": "quietFrom",
  "/quiet_hours/to": "quietTo",
  "/quiet_hours/zone": "zone",
  "/repeat_after_hours": "repeat",
  "/language": "language",
};

/** What the service found wrong, field by field; empty where the error is about something else. */
export function refusedFields(error: Error | null): Faults {
  if (!(error instanceof ApiError) || error.kind !== "refused") return {};
  const faults: Faults = {};
  for (const { pointer, allowed } of error.problem.errors ?? []) {
    const field = pointer === undefined ? undefined : FIELDS[pointer];
    if (field !== undefined) faults[field] ??= { kind: "refused", allowed };
  }
  return faults;
}
