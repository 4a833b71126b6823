import { Trans } from "@lingui/react/macro";
import { type ReactNode, useState } from "react";
import { ApiError } from "../api/errors";
import { pollInterval } from "../api/queryClient";
import { Countdown } from "./Countdown";

interface Props {
  error: Error;
  retry?: (() => void) | undefined;
  /** When the error came, in milliseconds; now, if it is not said. */
  since?: number | undefined;
}

/** Why there is nothing to show, and what the reader can do. */
export function ErrorState({ error, retry, since }: Props) {
  const [shown] = useState(() => Date.now());
  const interval = pollInterval(error);
  return (
    <div className="state">
      <div role="alert">
        <ErrorText error={error} />
      </div>
      {error instanceof ApiError && error.temporary && error.kind !== "offline" && interval !== false && retry !== undefined ? (
        <p>
          <Countdown until={(since ?? shown) + interval} />
        </p>
      ) : null}
      {retry !== undefined && (!(error instanceof ApiError) || (error.temporary && error.kind !== "too-many")) ? (
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
            <Trans>Your device has a network, but the server does not answer.</Trans>
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
            <Trans>The service limits how often an address may ask. It counts other windows and devices behind the same address, too.</Trans>
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
            <Trans>It answers, but cannot give data at the moment, mostly for seconds or a few minutes.</Trans>
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
