import { type QueryClient, useIsFetching, useQueryClient } from "@tanstack/react-query";
import { useCallback, useSyncExternalStore } from "react";
import { ApiError } from "../api/errors";
import { useNow } from "../format/useNow";
import type { Way } from "./ladder";
import { isPushed, useWay } from "./liveStore";

/** How current the page is: `seconds` since it was last known to be up to date; null before its first answer. */
export interface Live {
  state: "live" | "old" | "offline" | "waiting" | "none";
  seconds: number | null;
  way: Way;
}

/** Two polls may be late before the page stops calling itself live. */
const LIVE_SECONDS = 120;

function subscribeOnline(notify: () => void): () => void {
  window.addEventListener("online", notify);
  window.addEventListener("offline", notify);
  return () => {
    window.removeEventListener("online", notify);
    window.removeEventListener("offline", notify);
  };
}

/** Whether the device says that it has a network. */
export function useOnline(): boolean {
  return useSyncExternalStore(subscribeOnline, () => navigator.onLine);
}

interface Answers {
  /** When the last answer came, in milliseconds; 0: none yet. */
  latest: number;
  /** Whether something that is shown could not be renewed. */
  failing: boolean;
}

let last: Answers = { latest: 0, failing: false };

/** The same object for the same answers, as useSyncExternalStore needs. */
function answers(client: QueryClient): Answers {
  const queries = client.getQueryCache().getAll();
  const latest = Math.max(0, ...queries.map((query) => query.state.dataUpdatedAt));
  const failing = queries.some((query) => query.isActive() && query.state.error instanceof ApiError && query.state.error.temporary);
  if (latest !== last.latest || failing !== last.failing) last = { latest, failing };
  return last;
}

/** Follows the answers of all queries of the page, and the connection that says when they change. */
export function useLive(): Live {
  const client = useQueryClient();
  const now = useNow();
  const online = useOnline();
  const { way, pushedUntil } = useWay();
  const subscribe = useCallback((notify: () => void) => client.getQueryCache().subscribe(notify), [client]);
  const { latest, failing } = useSyncExternalStore(subscribe, () => answers(client));
  const fetching = useIsFetching();
  const pushed = isPushed(way) && !failing;
  const current = pushed ? now : Math.max(latest, failing ? 0 : (pushedUntil ?? 0));
  const seconds = latest === 0 ? null : Math.max(0, Math.round((now - current) / 1000));
  if (!online) return { state: "offline", seconds, way };
  // A page that asks for nothing, such as the method, waits for nothing.
  if (seconds === null) return { state: fetching === 0 ? "none" : "waiting", seconds, way };
  return { state: seconds < LIVE_SECONDS ? "live" : "old", seconds, way };
}
