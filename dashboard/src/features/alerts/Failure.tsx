import { Trans } from "@lingui/react/macro";
import { ApiError } from "../../shared/api/errors";
import { Notice } from "../../shared/state/states";

/** Why an order was not carried out. `inForm`: the fields say the rest. */
export function Failure({ error, inForm = false }: { error: Error; inForm?: boolean }) {
  return (
    <div role="alert">
      <Notice>
        <FailureText error={error} inForm={inForm} />
      </Notice>
    </div>
  );
}

function FailureText({ error, inForm }: { error: Error; inForm: boolean }) {
  if (!(error instanceof ApiError)) return <Trans>This part of the page failed</Trans>;
  const wait = error.retryAfter ?? 60;
  if (error.status === 401) return <Trans>This token is unknown, revoked or has expired.</Trans>;
  if (error.status === 403) return <Trans>This token may not do this: it lacks the scope alerts.</Trans>;
  switch (error.kind) {
    case "offline":
      return <Trans>You are offline: nothing was changed.</Trans>;
    case "unreachable":
      return <Trans>The service does not answer at the moment: look whether it was done before you try again.</Trans>;
    case "too-many":
      return <Trans>Too many requests: try again in {wait} s.</Trans>;
    case "refused":
    case "not-found":
    case "unavailable":
    case "failed":
      return inForm ? <Trans>Nothing was saved: see the fields that are marked.</Trans> : <span lang="en">{error.message}</span>;
  }
}
