import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";

/** Nothing to show, and why. */
export function EmptyState({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className="state">
      <h2>{title}</h2>
      {children === undefined ? null : <p>{children}</p>}
    </div>
  );
}

/** What is shown is older than it should be, or its renewal failed; always says why. */
export function Notice({ children, kind = "warn" }: { children: ReactNode; kind?: "warn" | "info" }) {
  return (
    <p className={`notice notice-${kind}`} role="status">
      {children}
    </p>
  );
}

export function LoadingState() {
  return (
    <p className="state quiet" role="status">
      <Trans>Loading …</Trans>
    </p>
  );
}

/** Stands on every page whose data are simulated. */
export function SimulatedNotice() {
  return (
    <Notice kind="info">
      <strong>
        <Trans>Simulated data.</Trans>
      </strong>{" "}
      <Trans>This installation runs without a network: all values are invented for demonstration.</Trans>
    </Notice>
  );
}
