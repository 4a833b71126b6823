import type { SourceState } from "../../shared/api/schema";

/** Who has to act when a source gives nothing new: its provider, we, or the network between them. */
export type Side = "provider" | "us" | "network";

/** Reasons of `common/sources` and `common/ingest`; what is not listed is the provider's answer. */
const OURS = new Set(["key", "spent", "store", "request", "capped"]);
const NETWORK = new Set(["dns"]);

export function sideOf(reason: string): Side {
  if (OURS.has(reason)) return "us";
  return NETWORK.has(reason) ? "network" : "provider";
}

export type Verdict =
  /** Readings arrive. */
  | { kind: "delivers" }
  /** Its provider answers, with nothing newer than this. */
  | { kind: "silent"; since: Date }
  /** Its provider answers, and has never given a reading. */
  | { kind: "empty" }
  /** It has not been asked, though it is its turn. */
  | { kind: "not-asked"; since: Date }
  | { kind: "fails"; side: Side; reason: string };

/** CPCB publishes an hour up to two hours after its end; the service calls data old after three. */
const SILENT_MINUTES = 180;
/** Sources are asked every hour. */
const ASKED_MINUTES = 130;

/** Why a source gives what it gives. `alone`: whether another source can be reached, so that the network works. */
export function verdictOf(source: SourceState, now: number, alone: boolean): Verdict {
  const resting = source.resting_until !== null && Date.parse(source.resting_until) > now;
  const lastRun = new Date(source.last_run);
  if (!resting && now - lastRun.getTime() > ASKED_MINUTES * 60_000) return { kind: "not-asked", since: lastRun };
  if (source.reason !== null) {
    const side = sideOf(source.reason);
    // Where nothing at all can be reached, the network is this installation's own.
    return { kind: "fails", reason: source.reason, side: side === "network" && alone ? "us" : side };
  }
  if (source.lag_minutes === null) return { kind: "empty" };
  if (source.lag_minutes > SILENT_MINUTES) return { kind: "silent", since: new Date(now - source.lag_minutes * 60_000) };
  return { kind: "delivers" };
}

/** Whether no source could be reached in its last run. */
export function nothingReached(sources: SourceState[]): boolean {
  return sources.length > 1 && sources.every((source) => source.reason !== null && sideOf(source.reason) === "network");
}
