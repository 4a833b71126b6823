import { Plural, Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { ApiError } from "../api/errors";

interface Props {
  error: Error;
  retry?: (() => void) | undefined;
}

/** Why there is nothing to show, and what the reader can do. */
export function ErrorState({ error, retry }: Props) {
  return (
    <div className="state" role="alert">
      <ErrorText error={error} />
      {retry !== undefined && (!(error instanceof ApiError) || error.temporary) ? (
        <p>
          <button type="button" onClick={retry}>
            <Trans>Try again now</Trans>
          </button>
        </p>
      ) : null}
      {error instanceof ApiError && error.problem.request_id !== undefined ? (
        <p className="quiet">
          <Trans>
            Request <code>{error.problem.request_id}</code>
          </Trans>
        </p>
      ) : null}
    </div>
  );
}

function ErrorText({ error }: { error: Error }): ReactNode {
  if (!(error instanceof ApiError)) {
    return (
      <>
        <h2>
          <Trans>This part of the page failed</Trans>
        </h2>
        <p>
          <Trans>Reload the page. If it fails again, please report it.</Trans>
        </p>
      </>
    );
  }
  switch (error.kind) {
    case "offline":
      return (
        <>
          <h2>
            <Trans>You are offline</Trans>
          </h2>
          <p>
            <Trans>Nothing of this page is stored on this device. It loads by itself when the network is back.</Trans>
          </p>
        </>
      );
    case "unreachable":
      return (
        <>
          <h2>
            <Trans>The service cannot be reached</Trans>
          </h2>
          <p>
            <Trans>Your device has a network, but the server does not answer. The page tries again every minute.</Trans>
          </p>
        </>
      );
    case "too-many":
      return (
        <>
          <h2>
            <Trans>Too many requests from your address</Trans>
          </h2>
          <p>
            <Wait seconds={error.retryAfter} />
          </p>
        </>
      );
    case "unavailable":
      return (
        <>
          <h2>
            <Trans>The service is busy or being updated</Trans>
          </h2>
          <p>
            <Wait seconds={error.retryAfter} />
          </p>
        </>
      );
    case "not-found":
    case "refused":
    case "failed":
      return (
        <>
          <h2>
            {error.kind === "not-found" ? (
              <Trans>There is no such thing here</Trans>
            ) : error.kind === "refused" ? (
              <Trans>The service refused this request</Trans>
            ) : (
              <Trans>The service failed</Trans>
            )}
          </h2>
          <p lang="en">{error.message}</p>
        </>
      );
  }
}

function Wait({ seconds }: { seconds: number | null }) {
  if (seconds === null) return <Trans>The page tries again in a minute.</Trans>;
  return (
    <Plural
      value={Math.max(60, seconds)}
      one="The page tries again in # second."
      other="The page tries again in # seconds."
    />
  );
}
