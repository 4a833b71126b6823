import type { QueryClient } from "@tanstack/react-query";
import { Renewals, type Renewal } from "./changes";
import { Ladder, type LadderOptions } from "./ladder";
import { isPushed, setWay } from "./liveStore";

/** A page that nobody sees for so many milliseconds gives its connection up. */
const HIDDEN = 20_000;

interface Options extends Partial<Pick<LadderOptions, "live" | "pace" | "WebSocket" | "EventSource">> {
  renewal?: Partial<Renewal>;
  hidden?: number;
}

/** Keeps the queries of this page up to date as long as it is visible. Returns what ends it. */
export function startLive(client: QueryClient, options: Options = {}): () => void {
  const { renewal, hidden = HIDDEN, live = new URL("/api/v1/live", window.location.origin).href, ...rest } = options;
  const renewals = new Renewals(client, renewal);
  let pushed = false;
  const ladder = new Ladder({
    ...rest,
    live,
    onEvent: (event) => renewals.onEvent(event),
    onReload: () => renewals.onReload(),
    onFirst: () => renewals.onFirst(),
    onWay: (way) => {
      setWay(way);
      // Queries that have relied on events begin to ask every minute with this answer.
      if (way === "polling" && pushed) renewals.onFirst();
      pushed = isPushed(way);
    },
  });
  let leaving: ReturnType<typeof setTimeout> | undefined;
  const onVisibility = () => {
    clearTimeout(leaving);
    if (document.visibilityState === "hidden") leaving = setTimeout(() => ladder.stop(), hidden);
    else ladder.start();
  };
  const onOnline = () => {
    if (document.visibilityState === "visible") ladder.restart();
  };
  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("online", onOnline);
  setWay("connecting");
  if (document.visibilityState === "visible") ladder.start();
  return () => {
    clearTimeout(leaving);
    document.removeEventListener("visibilitychange", onVisibility);
    window.removeEventListener("online", onOnline);
    ladder.stop();
    renewals.stop();
    setWay("polling");
  };
}
