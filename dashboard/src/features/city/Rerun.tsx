import { Trans } from "@lingui/react/macro";
import { useFormat } from "../../shared/format/format";

/** Where the forecast shown was computed from, and the place of its re-computation. */
export function Rerun({ issuedAt }: { slug: string; issuedAt: string }) {
  const format = useFormat();
  const issued = format.fullMoment(issuedAt);
  return (
    <p className="quiet">
      <Trans>This forecast was issued on {issued} and is stored as issued; it is never changed afterwards.</Trans>
    </p>
  );
}
