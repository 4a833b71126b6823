import { useSyncExternalStore } from "react";
import type { Way } from "./ladder";

/** How the page learns of changes, for all that show it or depend on it. */
export interface LiveWay {
  way: Way;
  /** When changes last came at once, in milliseconds: until then the page was up to date. Null: they do now, or never did. */
  pushedUntil: number | null;
}

// Where nothing connects, such as in an older browser, queries ask every minute.
let current: LiveWay = { way: "polling", pushedUntil: null };
const listeners = new Set<() => void>();

export function isPushed(way: Way): boolean {
  return way === "websocket" || way === "events";
}

export function currentWay(): LiveWay {
  return current;
}

export function setWay(way: Way): void {
  const pushedUntil = isPushed(way) ? null : isPushed(current.way) ? Date.now() : current.pushedUntil;
  current = { way, pushedUntil };
  for (const notify of listeners) notify();
}

function subscribe(notify: () => void): () => void {
  listeners.add(notify);
  return () => listeners.delete(notify);
}

export function useWay(): LiveWay {
  return useSyncExternalStore(subscribe, currentWay);
}
