import { QueryClient } from "@tanstack/react-query";
import { currentWay, isPushed } from "../live/liveStore";
import { ApiError } from "./errors";

const MINUTE = 60_000;
/** A server that asks to be asked at once is given a breath. */
const LEAST = 5000;
const DAY = 1440 * MINUTE;
/** How often what events announce is read anyhow: some of it changes by time alone, such as that data are late. */
const ANNOUNCED = 5 * MINUTE;

/**
 * Every query is refetched each minute while its page is visible, and at once when the page or the network is back. What events concern,
 * which its `meta` says, is refetched with them, and seldom otherwise, as long as a connection brings them.
 */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: MINUTE / 2,
        // Offline, a page that was left an hour ago is still there.
        gcTime: DAY,
        refetchInterval: (query) => {
          const announced = query.meta?.changes !== undefined && isPushed(currentWay().way);
          return query.state.error === null && announced ? ANNOUNCED : pollInterval(query.state.error);
        },
        refetchIntervalInBackground: false,
        refetchOnWindowFocus: true,
        // Young data too: what failed while there was no network must not stand until the next poll.
        refetchOnReconnect: "always",
        // A request without a network fails at once, and the page says why.
        networkMode: "always",
        retry: (failures, error) => failures < 2 && error instanceof ApiError && retriesAtOnce(error),
        retryDelay: (failures) => Math.min(1000 * 2 ** failures, 10_000) * (0.5 + Math.random()),
      },
    },
  });
}

/** A server that is busy, or asked to wait, is not asked again within the same breath. */
function retriesAtOnce(error: ApiError): boolean {
  return (error.kind === "unreachable" || error.kind === "unavailable") && error.retryAfter === null;
}

/** Milliseconds until a query asks again after an error, as its server wishes; false where asking again is of no use. */
export function pollInterval(error: Error | null): number | false {
  if (!(error instanceof ApiError)) return MINUTE;
  // What is not there may come: a forecast, a first hour. A request that was refused stays wrong.
  if (error.kind === "refused") return false;
  return error.retryAfter === null ? MINUTE : Math.max(LEAST, error.retryAfter * 1000);
}
