import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useRef, useState } from "react";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { ChangeForm } from "./ChangeForm";
import { Deliveries } from "./Deliveries";
import { Failure } from "./Failure";
import { changeAlert, deleteAlert, ownAlertsQuery, testAlert } from "./queries";
import { Score } from "./Score";
import { Secret } from "./Secret";
import type { Alert } from "./types";
import { useAlertWords, useConditionText } from "./words";

interface Props {
  alert: Alert;
  /** Whether its score is shown before it is asked for: each is a request of its own. */
  showScore: boolean;
}

export function OwnAlert({ alert, showScore }: Props) {
  const { t } = useLingui();
  const placeName = usePlaceName();
  const format = useFormat();
  const words = useAlertWords();
  const condition = useConditionText();
  const id = useId();
  const [open, setOpen] = useState(false);
  const [scored, setScored] = useState(showScore);
  const since = format.moment(alert.since);
  const phase = words.phase(alert.phase);
  const channel = words.channel(alert.to.channel);
  return (
    <article className="panel" data-status={statusOf(alert)} aria-labelledby={id}>
      <h3 id={id}>
        {placeName(alert.city)} <span className="state-word">{condition(alert.when)}</span>
      </h3>
      <p>
        <StateText alert={alert} phase={phase} since={since} />
      </p>
      {alert.disabled_because === null ? null : <p lang="en">{alert.disabled_because}</p>}
      <p className="quiet">
        {channel}: <span className="address">{alert.to.address}</span>
        <Extras alert={alert} />
      </p>
      {alert.simulated ? (
        <p className="quiet">
          <Trans>This installation's data are simulated: messages say so.</Trans>
        </p>
      ) : null}
      <Actions alert={alert} onTested={() => setOpen(true)} />
      <button type="button" className="button-quiet" aria-expanded={scored} aria-controls={`${id}-score`} onClick={() => setScored(!scored)}>
        {scored ? <Trans>Hide how it did</Trans> : <Trans>How it did</Trans>}
      </button>
      <button type="button" className="button-quiet" aria-expanded={open} aria-controls={`${id}-deliveries`} onClick={() => setOpen(!open)}>
        {open ? <Trans>Hide the messages</Trans> : <Trans>Messages sent</Trans>}
      </button>
      <div id={`${id}-score`} role="group" aria-label={t`How it did`} hidden={!scored}>
        {scored ? <Score alert={alert} /> : null}
      </div>
      <div id={`${id}-deliveries`} hidden={!open}>
        {open ? <Deliveries alert={alert} /> : null}
      </div>
    </article>
  );
}

/** What the colour of the edge says, as on the page of the sources. */
function statusOf({ state, phase }: Alert): string {
  if (state === "disabled") return "resting";
  if (state === "unconfirmed") return "starting";
  return phase === "firing" || phase === "clearing" ? "failing" : "ok";
}

function StateText({ alert, phase, since }: { alert: Alert; phase: string; since: string }) {
  switch (alert.state) {
    case "unconfirmed":
      return <Trans>Not confirmed yet: press the button in the mail.</Trans>;
    case "disabled":
      return <Trans>Switched off.</Trans>;
    case "active":
      return (
        <Trans>
          Active, {phase} since {since}.
        </Trans>
      );
  }
}

function Extras({ alert: { quiet_hours: quiet, repeat_after_hours: repeat } }: { alert: Alert }) {
  return (
    <>
      {quiet === null ? null : (
        <>
          {" · "}
          <Trans>
            quiet from {quiet.from} to {quiet.to} ({quiet.zone})
          </Trans>
        </>
      )}
      {repeat === null ? null : (
        <>
          {" · "}
          <Trans>again every {repeat} h</Trans>
        </>
      )}
    </>
  );
}

function Actions({ alert, onTested }: { alert: Alert; onTested: () => void }) {
  const { t } = useLingui();
  const placeName = usePlaceName();
  const client = useQueryClient();
  const [asks, setAsks] = useState<"change" | "delete" | "rotate" | null>(null);
  const [saved, setSaved] = useState<Alert | null>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const id = useId();
  const refresh = () => client.invalidateQueries({ queryKey: ["own-alerts"] });
  const change = useMutation({ mutationFn: (body: Parameters<typeof changeAlert>[1]) => changeAlert(alert.id, body), onSuccess: refresh });
  const removal = useMutation({
    mutationFn: () => deleteAlert(alert.id),
    // The list alone: of what it sent and how it did there is nothing to read any more.
    onSuccess: () => client.invalidateQueries({ queryKey: ownAlertsQuery().queryKey, exact: true }),
  });
  const test = useMutation({
    mutationFn: () => testAlert(alert.id),
    onSuccess: async () => {
      onTested();
      await refresh();
    },
  });
  const busy = change.isPending || removal.isPending || test.isPending;
  const error = change.error ?? removal.error ?? test.error;
  const city = placeName(alert.city);
  const order = (action: () => void) => {
    setAsks(null);
    setSaved(null);
    change.reset();
    removal.reset();
    test.reset();
    action();
  };
  const open = () => {
    setAsks("change");
    // A secret that is shown stays until another is made.
    if (saved?.secret === undefined) setSaved(null);
  };
  const close = () => {
    setAsks(null);
    opener.current?.focus();
  };
  const secret = saved?.secret ?? change.data?.secret;
  return (
    <>
      <p className="actions" role="group" aria-label={t`Alert for ${city}`}>
        {alert.state === "active" ? (
          <button type="button" disabled={busy} onClick={() => order(() => test.mutate())}>
            <Trans>Send a test</Trans>
          </button>
        ) : null}
        {alert.state === "active" ? (
          <button type="button" disabled={busy} onClick={() => order(() => change.mutate({ state: "disabled" }))}>
            <Trans>Switch off</Trans>
          </button>
        ) : null}
        {alert.state === "disabled" ? (
          <button type="button" disabled={busy} onClick={() => order(() => change.mutate({ state: "active" }))}>
            <Trans>Switch on</Trans>
          </button>
        ) : null}
        <button
          ref={opener}
          type="button"
          disabled={busy}
          aria-expanded={asks === "change"}
          aria-controls={`${id}-change`}
          onClick={() => (asks === "change" ? close() : open())}
        >
          <Trans>Change</Trans>
        </button>
        {alert.to.channel === "webhook" ? (
          <button type="button" disabled={busy} aria-expanded={asks === "rotate"} onClick={() => setAsks("rotate")}>
            <Trans>New secret</Trans>
          </button>
        ) : null}
        <button type="button" disabled={busy} aria-expanded={asks === "delete"} onClick={() => setAsks("delete")}>
          <Trans>Delete</Trans>
        </button>
      </p>
      {asks === "change" ? (
        <ChangeForm
          id={`${id}-change`}
          alert={alert}
          onClose={close}
          onSaved={(changed) => {
            setSaved(changed);
            close();
          }}
        />
      ) : null}
      {asks !== "delete" && asks !== "rotate" ? null : (
        <div className="notice notice-warn" role="group" aria-label={t`Are you sure?`}>
          <p>
            {asks === "delete" ? (
              <Trans>Delete this alert, its address and the list of its messages? It cannot be brought back.</Trans>
            ) : (
              <Trans>Make a new secret? For a day messages carry the signatures of both, then only of the new one.</Trans>
            )}
          </p>
          <p className="actions">
            <button type="button" onClick={() => order(() => (asks === "delete" ? removal.mutate() : change.mutate({ rotate_secret: true })))}>
              {asks === "delete" ? <Trans>Yes, delete it</Trans> : <Trans>Yes, a new secret</Trans>}
            </button>
            <button type="button" onClick={() => setAsks(null)}>
              <Trans>No</Trans>
            </button>
          </p>
        </div>
      )}
      <div role="status">
        {saved === null ? null : <Trans>The alert is changed.</Trans>}
        {test.data === undefined ? null : <Trans>The test is on its way: see the messages below.</Trans>}
      </div>
      {secret === undefined ? null : <Secret secret={secret} />}
      {error === null ? null : <Failure error={error} />}
    </>
  );
}
