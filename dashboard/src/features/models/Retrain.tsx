import { msg } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../shared/api/errors";
import type { Job } from "../../shared/api/schema";
import { usePlaceName } from "../../shared/i18n/i18n";
import { Loaded } from "../../shared/state/Loaded";
import { Notice } from "../../shared/state/states";
import { jobQuery, retrain } from "./queries";

/** Has the city's models trained anew. The token stays in this form: it is neither stored nor put into an address. */
export function Retrain({ city, name }: { city: string; name: string }) {
  const placeName = usePlaceName();
  const [token, setToken] = useState("");
  const [key, setKey] = useState(() => crypto.randomUUID());
  const order = useMutation({
    mutationFn: () => retrain(city, token.trim(), key),
    // The next click, after an answer, is another request.
    onSuccess: () => setKey(crypto.randomUUID()),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    order.mutate();
  };
  const place = placeName(name);
  return (
    <section className="section" aria-labelledby="retrain">
      <h2 id="retrain">
        <Trans>Train anew</Trans>
      </h2>
      <form className="controls" onSubmit={submit}>
        <label>
          <Trans>Token with the scope retrain</Trans>
          <input type="password" autoComplete="off" required value={token} onChange={({ target }) => setToken(target.value)} />
        </label>
        <button type="submit" disabled={order.isPending}>
          <Trans>Train {place} now</Trans>
        </button>
      </form>
      <p className="quiet">
        <Trans>
          Who runs this installation makes tokens: <code>vayu keys create</code>. This page forgets the token when you leave it.
        </Trans>
      </p>
      {order.error === null ? null : <Refused error={order.error} />}
      {order.data === undefined ? null : <Progress job={order.data.id} />}
    </section>
  );
}

function Refused({ error }: { error: Error }) {
  const status = error instanceof ApiError ? error.status : null;
  const wait = error instanceof ApiError ? (error.retryAfter ?? 60) : 60;
  return (
    <div role="alert">
      <Notice>
        {status === 401 ? (
          <Trans>This token is unknown, revoked or has expired.</Trans>
        ) : status === 403 ? (
          <Trans>This token may not do this: it lacks the scope retrain.</Trans>
        ) : status === 429 ? (
          <Trans>Too many requests: try again in {wait} s.</Trans>
        ) : error instanceof ApiError && error.kind === "offline" ? (
          <Trans>You are offline: nothing was asked for.</Trans>
        ) : (
          <Trans>The service does not answer at the moment. Try again; a second request is not a second training.</Trans>
        )}
      </Notice>
    </div>
  );
}

const STATES: Record<Job["state"], ReturnType<typeof msg>> = {
  queued: msg`waits for a worker`,
  running: msg`runs`,
  done: msg`is done`,
  failed: msg`went wrong, and is tried again`,
  dead: msg`went wrong for good`,
};

function Progress({ job }: { job: number }) {
  const { i18n } = useLingui();
  return (
    <Loaded query={useQuery(jobQuery(job))}>
      {({ id, state, error, outcome }) => {
        const stated = i18n._(STATES[state]);
        return (
          <div role="status">
            <p>
              <Trans>
                Training {id} {stated}.
              </Trans>
            </p>
            {error === null || state === "done" ? null : <p lang="en">{error}</p>}
            {outcome === null ? null : (
              <ul lang="en">
                {outcome.left === undefined ? null : <li>{outcome.left}</li>}
                {Object.entries({ ...outcome.promoted, ...outcome.kept, ...outcome.failed }).map(([target, text]) => (
                  <li key={target}>
                    {target}: {text}
                  </li>
                ))}
              </ul>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}
