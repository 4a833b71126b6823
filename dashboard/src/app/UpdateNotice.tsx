import { Trans } from "@lingui/react/macro";
import { useUpdate } from "./update";

/** Says that a newer version of the page is there. */
export function UpdateNotice() {
  const apply = useUpdate();
  return (
    <div role="status">
      {apply === null ? null : (
        <p className="notice notice-info update">
          <Trans>A new version of this page is ready.</Trans>{" "}
          <button type="button" onClick={apply}>
            <Trans>Load it</Trans>
          </button>
        </p>
      )}
    </div>
  );
}
