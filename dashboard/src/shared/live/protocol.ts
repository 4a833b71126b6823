/** What the service says over a live connection: docs/events.md. Only what changed comes, never the data themselves. */
export const KINDS = ["hours", "forecast", "model", "source", "alert"] as const;
export type Kind = (typeof KINDS)[number];

export interface LiveEvent {
  /** Its place in the order of all events. */
  seq: number;
  kind: string;
  /** Names of the cities that it concerns; none: all. */
  cities: string[];
}

export type Message = { type: "welcome"; seq: number } | ({ type: "event" } & LiveEvent) | { type: "reload" } | { type: "ping" | "pong" | "error" };

/** A message of the WebSocket; null for what this page does not understand, such as a later version's. */
export function parseMessage(text: unknown): Message | null {
  const body = parseObject(text);
  switch (body?.["type"]) {
    case "welcome":
      return isSeq(body["seq"]) ? { type: "welcome", seq: body["seq"] } : null;
    case "event": {
      const event = eventOf(body);
      return event === null ? null : { type: "event", ...event };
    }
    case "reload":
      return { type: "reload" };
    case "ping":
      return { type: "ping" };
    case "pong":
      return { type: "pong" };
    case "error":
      return { type: "error" };
    default:
      return null;
  }
}

/** The data of an event in an event stream. */
export function parseEvent(text: unknown): LiveEvent | null {
  const body = parseObject(text);
  return body === null ? null : eventOf(body);
}

export function parseObject(text: unknown): Record<string, unknown> | null {
  if (typeof text !== "string") return null;
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : null;
  } catch {
    return null;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isSeq(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function eventOf(body: Record<string, unknown>): LiveEvent | null {
  const { seq, kind, cities } = body;
  if (!isSeq(seq) || typeof kind !== "string" || !Array.isArray(cities)) return null;
  return { seq, kind, cities: cities.filter((city) => typeof city === "string") };
}

/** What the page says first. All cities and kinds: an event is short, and the page knows best which of its queries it concerns. */
export function hello(after: number | null): string {
  return JSON.stringify({ type: "hello", after, cities: null, kinds: null });
}

export const PING = JSON.stringify({ type: "ping" });
