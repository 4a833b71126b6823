import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./errors";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/** Every query is refetched each minute while its page is visible, and at once when the page or the network is back. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: MINUTE / 2,
        // Offline, a page that was left an hour ago is still there.
        gcTime: DAY,
        refetchInterval: (query) => pollInterval(query.state.error),
        refetchIntervalInBackground: false,
        refetchOnWindowFocus: true,
        refetchOnReconnect: true,
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

function pollInterval(error: Error | null): number | false {
  if (!(error instanceof ApiError)) return MINUTE;
  if (!error.temporary) return false;
  return Math.max(MINUTE, (error.retryAfter ?? 0) * 1000);
}
