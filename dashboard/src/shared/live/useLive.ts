import { useIsFetching, useQueryClient } from "@tanstack/react-query";
import { useCallback, useSyncExternalStore } from "react";
import { useNow } from "../format/useNow";

/** How current the page is: `seconds` since the last answer of the API; null before the first. */
export interface Live {
  state: "live" | "old" | "offline" | "waiting" | "none";
  seconds: number | null;
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

/** Follows the answers of all queries of the page. */
export function useLive(): Live {
  const client = useQueryClient();
  const now = useNow();
  const online = useOnline();
  const subscribe = useCallback((notify: () => void) => client.getQueryCache().subscribe(notify), [client]);
  const latest = useSyncExternalStore(subscribe, () =>
    Math.max(0, ...client.getQueryCache().getAll().map((query) => query.state.dataUpdatedAt)),
  );
  const fetching = useIsFetching();
  const seconds = latest === 0 ? null : Math.max(0, Math.round((now - latest) / 1000));
  if (!online) return { state: "offline", seconds };
  // A page that asks for nothing, such as the method, waits for nothing.
  if (seconds === null) return { state: fetching === 0 ? "none" : "waiting", seconds };
  return { state: seconds < LIVE_SECONDS ? "live" : "old", seconds };
}
