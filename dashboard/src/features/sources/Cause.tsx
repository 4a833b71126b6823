import { Plural, Trans } from "@lingui/react/macro";
import type { Cause as CauseCode } from "../../shared/api/schema";
import { useFormat } from "../../shared/format/format";

/** What keeps the service from being healthy; in the API's own words where they say more than the code, or the code is new here. */
export function Cause({ cause, reason }: { cause: CauseCode | undefined; reason: string }) {
  const format = useFormat();
  const value = cause?.number ?? 0;
  const number = format.number(value);
  switch (cause?.code) {
    case "no_data":
      return <Trans>Nothing has been collected yet.</Trans>;
    case "old_data":
      return <Trans>The newest data are {number} minutes old.</Trans>;
    case "no_models":
      return <Trans>No model has been trained yet, so there are no forecasts.</Trans>;
    case "old_models":
      return <Trans>The newest model is {number} days old.</Trans>;
    case "slow_queue":
      return <Trans>A message has waited for a worker for {number} minutes.</Trans>;
    case "dead_messages":
      return (
        <Plural
          value={value}
          one="# message failed for good in the last 24 hours; see: vayu status"
          other="# messages failed for good in the last 24 hours; see: vayu status"
        />
      );
    case "old_backup":
      return <Trans>The newest base backup is {number} days old.</Trans>;
    case "no_backup":
      return <Trans>No base backup has been made; without one the changes that are backed up cannot be restored.</Trans>;
    case "backup_stream":
      return <Trans>Changes are not being backed up: scripts/backup stream does not run.</Trans>;
    case "old_drill":
      return <Trans>Restoring was last tried {number} days ago.</Trans>;
    case "cache":
      return <Trans>Redis does not answer; each process keeps answers and counts requests for itself.</Trans>;
    case "read_replica":
      return <Trans>The read replica does not answer; reads go to the database itself.</Trans>;
    case "database":
    case undefined:
      return <span lang="en">{reason}</span>;
  }
}
