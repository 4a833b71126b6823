import { Trans } from "@lingui/react/macro";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/errors";
import { useFormat } from "../format/format";
import { useNow } from "../format/useNow";
import { useOnline } from "../live/useLive";
import { ErrorState } from "./ErrorState";
import { LoadingState, Notice } from "./states";

interface Props<T> {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
}

/** The states of a query: loading, failed, or its data, with a notice above them when they could not be renewed. */
export function Loaded<T>({ query, children }: Props<T>) {
  const online = useOnline();
  if (query.data === undefined) {
    if (query.error !== null) return <ErrorState error={query.error} since={query.errorUpdatedAt} retry={() => void query.refetch()} />;
    return <LoadingState />;
  }
  return (
    <>
      {query.error === null && online ? null : <NotRenewed error={query.error} since={query.dataUpdatedAt} online={online} />}
      {children(query.data)}
    </>
  );
}

function NotRenewed({ error, since, online }: { error: Error | null; since: number; online: boolean }) {
  const format = useFormat();
  const now = useNow();
  const age = format.relative(new Date(since), Math.max(now, since));
  // Without a network nothing will be renewed, whether it has been tried already or not.
  const kind = online ? (error instanceof ApiError ? error.kind : "failed") : "offline";
  return (
    <Notice>
      {kind === "offline" ? (
        <Trans>You are offline. This was loaded {age}.</Trans>
      ) : kind === "too-many" ? (
        <Trans>Too many requests from your address. This was loaded {age} and is renewed as soon as the service allows it.</Trans>
      ) : kind === "unreachable" || kind === "unavailable" ? (
        <Trans>The service does not answer at the moment. This was loaded {age}.</Trans>
      ) : (
        <Trans>The last refresh failed. This was loaded {age}.</Trans>
      )}
    </Notice>
  );
}
