import { Plural, Trans } from "@lingui/react/macro";
import { useSyncExternalStore } from "react";

function subscribe(notify: () => void): () => void {
  const timer = setInterval(notify, 1000);
  return () => clearInterval(timer);
}

/** The seconds until a time in milliseconds, counted down; never below 0. */
export function useSecondsUntil(time: number): number {
  return useSyncExternalStore(subscribe, () => Math.max(0, Math.ceil((time - Date.now()) / 1000)));
}

/** When the page tries again. It is no live region: a screen reader would read every second. */
export function Countdown({ until }: { until: number }) {
  const seconds = useSecondsUntil(until);
  if (seconds === 0) return <Trans>The page tries again now.</Trans>;
  return <Plural value={seconds} one="The page tries again in # second." other="The page tries again in # seconds." />;
}
