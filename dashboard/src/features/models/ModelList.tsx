import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { Model } from "../../shared/api/schema";
import { DataTable } from "../../shared/chart/DataTable";
import { useExpertName } from "../../shared/format/experts";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState, SimulatedNotice } from "../../shared/state/states";
import { type Choice, UNITS } from "./choice";
import { modelsQuery } from "./queries";
import { metric, useStatusName } from "./words";

/** All versions that were trained, newest first, a page at a time. */
export function ModelList({ choice, onPage }: { choice: Choice; onPage: (page: number) => void }) {
  const { t } = useLingui();
  const format = useFormat();
  return (
    <Loaded query={useQuery(modelsQuery(choice))}>
      {({ models, page, pages, total, simulated }) => {
        const all = format.number(total);
        return (
          <>
            {simulated ? <SimulatedNotice /> : null}
            {models.length === 0 ? (
              <EmptyState title={<Trans>No such model has been trained</Trans>}>
                <Trans>The first models of a city are trained as soon as enough of its hours are known. Or choose less above.</Trans>
              </EmptyState>
            ) : (
              <Versions models={models} all={all} unit={UNITS[choice.target]} />
            )}
            {pages > 1 ? (
              <nav className="pager" aria-label={t`Pages`}>
                <button type="button" disabled={page <= 1} onClick={() => onPage(page - 1)}>
                  <Trans>Newer</Trans>
                </button>
                <span>
                  <Trans>
                    Page {page} of {pages}
                  </Trans>
                </span>
                <button type="button" disabled={page >= pages} onClick={() => onPage(page + 1)}>
                  <Trans>Older</Trans>
                </button>
              </nav>
            ) : null}
          </>
        );
      }}
    </Loaded>
  );
}

function Versions({ models, all, unit }: { models: Model[]; all: string; unit: string }) {
  const format = useFormat();
  const placeName = usePlaceName();
  const expertName = useExpertName();
  const statusName = useStatusName();
  const { signed } = format;
  const decimal = (value: number | null, decimals: number) => (value === null ? "–" : format.number(value, decimals));
  return (
    <DataTable
      caption={<Trans>{all} versions, newest first; scores on held-out data</Trans>}
      rows={models}
      rowKey={(model) => model.version}
      columns={[
        { key: "trained", title: <Trans>Trained</Trans>, cell: (model) => format.fullMoment(model.trained_at) },
        { key: "city", title: <Trans>City</Trans>, cell: (model) => placeName(model.city) },
        { key: "family", title: <Trans>Family</Trans>, cell: (model) => expertName(model.family) },
        {
          key: "status",
          title: <Trans>Status</Trans>,
          cell: (model) => (
            <>
              {statusName(model.status)}: <span lang="en">{model.reason}</span>
            </>
          ),
        },
        {
          key: "window",
          title: <Trans>Learnt from</Trans>,
          cell: (model) => `${format.date(model.window_start)} – ${format.date(model.window_end)}`,
        },
        { key: "samples", title: <Trans>Origins</Trans>, numeric: true, cell: (model) => format.number(model.samples) },
        { key: "skill", title: <Trans>Skill</Trans>, numeric: true, cell: (model) => signed(metric(model.metrics, "holdout", "skill")) },
        { key: "mae", title: `MAE, ${unit}`, numeric: true, cell: (model) => decimal(metric(model.metrics, "holdout", "mae"), 1) },
        { key: "rmse", title: `RMSE, ${unit}`, numeric: true, cell: (model) => decimal(metric(model.metrics, "holdout", "rmse"), 1) },
        { key: "r2", title: "R²", numeric: true, cell: (model) => decimal(metric(model.metrics, "holdout", "r2"), 2) },
        {
          key: "version",
          title: <Trans>Version, checksum</Trans>,
          cell: (model) => (
            <>
              <code>{model.version}</code> <code className="quiet">sha256 {model.checksum.slice(0, 12)}</code>
            </>
          ),
        },
      ]}
    />
  );
}
