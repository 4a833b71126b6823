import { useSyncExternalStore } from "react";

const STEP = 15_000;

function subscribe(notify: () => void): () => void {
  const timer = setInterval(notify, STEP);
  return () => clearInterval(timer);
}

/** The time in milliseconds, in steps of 15 seconds, so that ages on the page go on while nothing else changes. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => Math.floor(Date.now() / STEP) * STEP);
}
