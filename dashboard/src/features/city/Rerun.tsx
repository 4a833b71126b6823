import { Trans } from "@lingui/react/macro";
import { lazy, Suspense, useState } from "react";
import { useFormat } from "../../shared/format/format";
import { loadCatalogue } from "../../shared/i18n/i18n";
import { ErrorBoundary } from "../../shared/state/ErrorBoundary";
import { LoadingState } from "../../shared/state/states";

/** Loaded when somebody wants it, with its messages. */
const Reproduce = lazy(async () => {
  const [module] = await Promise.all([import("../reproduce/Reproduce"), loadCatalogue("reproduce")]);
  return module;
});

/** When the forecast shown was issued, and its re-computation. */
export function Rerun({ slug, issuedAt }: { slug: string; issuedAt: string }) {
  const format = useFormat();
  const [wanted, setWanted] = useState(false);
  const issued = format.fullMoment(issuedAt);
  return (
    <>
      <p className="quiet">
        <Trans>This forecast was issued on {issued} and is stored as issued; it is never changed afterwards.</Trans>
      </p>
      {wanted ? (
        <ErrorBoundary key={issuedAt}>
          <Suspense fallback={<LoadingState />}>
            <Reproduce city={slug} issuedAt={issuedAt} />
          </Suspense>
        </ErrorBoundary>
      ) : (
        <p>
          <button type="button" className="button-quiet" onClick={() => setWanted(true)}>
            <Trans>Compute this forecast again in the browser, and try other inputs</Trans>
          </button>
        </p>
      )}
    </>
  );
}
