import { useLingui } from "@lingui/react";

const ZONE = "Asia/Kolkata";
/** Hindi is read with the digits 0-9. */
const TAGS: Record<string, string> = { en: "en-IN", hi: "hi-IN-u-nu-latn" };
/** As alerts say it. Hindi has no am and pm, and its short months (नव॰) are read by few. */
const HINDI_CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

export interface Format {
  /** 1,234 or, with decimals, 78.5 */
  number: (value: number, decimals?: number) => string;
  /** 0.42 becomes 42% */
  percent: (share: number, decimals?: number) => string;
  /** +12%, −3%, 0%; a dash for what is not known */
  signed: (share: number | null | undefined) => string;
  /** 5 Nov, 4:00 pm IST */
  moment: (time: Date | string) => string;
  /** 5 Nov 2025, 4:00 pm IST */
  fullMoment: (time: Date | string) => string;
  /** 4 pm, for axes */
  hour: (time: Date | string) => string;
  /** 4:00 pm */
  clock: (time: Date | string) => string;
  /** Wed 5 Nov */
  day: (time: Date | string) => string;
  /** 5 Nov */
  dayAndMonth: (time: Date | string) => string;
  /** 5 Nov 2025 */
  date: (time: Date | string) => string;
  /** 12 minutes ago, in 3 hours */
  relative: (time: Date | string, now?: number) => string;
  /** Compares names as the language sorts them. */
  compare: (a: string, b: string) => number;
}

export function createFormat(locale: string): Format {
  const tag = TAGS[locale] ?? "en-IN";
  // Each is made when it is first used: to make all of them holds up a slow phone for a tenth of a second.
  const at = (options: Intl.DateTimeFormatOptions) => {
    let format: Intl.DateTimeFormat | undefined;
    return (time: Date | string) => {
      format ??= new Intl.DateTimeFormat(tag, { timeZone: ZONE, ...options });
      return format.format(new Date(time));
    };
  };
  const hindi = locale === "hi";
  const clock = at(hindi ? HINDI_CLOCK : { hour: "numeric", minute: "2-digit" });
  const month = hindi ? "long" : "short";
  const dayAndMonth = at({ day: "numeric", month });
  const date = at({ day: "numeric", month, year: "numeric" });
  const numbers = new Map<string, Intl.NumberFormat>();
  const decimal = (style: "decimal" | "percent", decimals: number) => {
    const key = `${style}${decimals}`;
    let format = numbers.get(key);
    if (format === undefined) {
      format = new Intl.NumberFormat(tag, { style, minimumFractionDigits: decimals, maximumFractionDigits: decimals });
      numbers.set(key, format);
    }
    return format;
  };
  const percent = (share: number, decimals = 0) => decimal("percent", decimals).format(share);
  const signed = (share: number | null | undefined) => {
    if (share === null || share === undefined) return "–";
    const text = percent(Math.abs(share));
    return text === percent(0) ? text : `${share < 0 ? "−" : "+"}${text}`;
  };
  let ago: Intl.RelativeTimeFormat | undefined;
  let collator: Intl.Collator | undefined;
  return {
    number: (value, decimals = 0) => decimal("decimal", decimals).format(value),
    percent,
    signed,
    moment: (time) => `${dayAndMonth(time)}, ${clock(time)} IST`,
    fullMoment: (time) => `${date(time)}, ${clock(time)} IST`,
    hour: hindi ? clock : at({ hour: "numeric" }),
    clock,
    day: at({ weekday: "short", day: "numeric", month }),
    dayAndMonth,
    date,
    relative: (time, now = Date.now()) => {
      ago ??= new Intl.RelativeTimeFormat(tag, { numeric: "always" });
      return relative(ago, new Date(time).getTime() - now);
    },
    compare: (a, b) => {
      collator ??= new Intl.Collator(tag);
      return collator.compare(a, b);
    },
  };
}

function relative(format: Intl.RelativeTimeFormat, milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000);
  // The present is 0 minutes ago, not in 0 minutes.
  if (Math.abs(minutes) < 90) return format.format(minutes === 0 ? -0 : minutes, "minute");
  const hours = Math.round(minutes / 60);
  return Math.abs(hours) < 48 ? format.format(hours, "hour") : format.format(Math.round(hours / 24), "day");
}

/** One of each language: to make its parts takes longer than to use them, and every card of the overview uses them. */
const formats = new Map<string, Format>();

/** Numbers, times and ages in the language in use; times are Indian Standard Time. */
export function useFormat(): Format {
  const { locale } = useLingui().i18n;
  let format = formats.get(locale);
  if (format === undefined) {
    format = createFormat(locale);
    formats.set(locale, format);
  }
  return format;
}
