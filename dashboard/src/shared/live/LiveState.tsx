import { Trans } from "@lingui/react/macro";
import { useFormat } from "../format/format";
import { useLive } from "./useLive";

/** "Live" and by which way, "2 min old" or "Offline", in the header of every page. */
export function LiveState() {
  const { state, seconds, way } = useLive();
  const format = useFormat();
  const minutes = seconds === null ? 0 : Math.max(1, Math.round(seconds / 60));
  const age = seconds === null ? null : format.number(minutes);
  return (
    <p className="live" data-state={state} role="status">
      {state === "none" ? null : <span className="live-dot" aria-hidden="true" />}
      {state === "live" && way === "websocket" ? <Trans>Live</Trans> : null}
      {state === "live" && way === "events" ? <Trans>Live by events</Trans> : null}
      {state === "live" && way === "polling" ? <Trans>Checked every minute</Trans> : null}
      {state === "waiting" || (state === "live" && way === "connecting") ? <Trans>Connecting</Trans> : null}
      {state === "old" ? <Trans>{age} min old</Trans> : null}
      {state === "offline" && age === null ? <Trans>Offline</Trans> : null}
      {state === "offline" && age !== null ? <Trans>Offline, {age} min old</Trans> : null}
    </p>
  );
}
