import { msg } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { DataTable } from "../../shared/chart/DataTable";
import { useExpertName } from "../../shared/format/experts";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { expertsQuery } from "./queries";

const KINDS = {
  model: msg`trained model`,
  mean: msg`mean of the models`,
  corrected: msg`mean, corrected by its known errors`,
  provider: msg`forecast of a provider`,
  naive: msg`naive forecast`,
};

/** Which forecasts the forecast is a weighted mean of. */
export function Experts({ slug }: { slug: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <Trans>What is behind this forecast?</Trans>
      </summary>
      {open ? <Shares slug={slug} /> : null}
    </details>
  );
}

function Shares({ slug }: { slug: string }) {
  const { i18n } = useLingui();
  const expertName = useExpertName();
  const format = useFormat();
  return (
    <Loaded query={useQuery(expertsQuery(slug))}>
      {({ explanation, model, known_until: knownUntil }) => {
        const until = format.moment(knownUntil);
        const experts = (explanation?.experts ?? []).toSorted((a, b) => b.share - a.share);
        return (
          <>
            <p>
              <Trans>
                A mean of these forecasts, weighted by how each did of late at each lead time. Last known hour: {until}. Model:{" "}
                <code>{model.version ?? model.family}</code>.
              </Trans>
            </p>
            <DataTable
              caption={<Trans>Mean weight over the 48 hours</Trans>}
              rows={experts}
              rowKey={(expert) => expert.name}
              columns={[
                { key: "name", title: <Trans>Forecast</Trans>, cell: (expert) => expertName(expert.name) },
                { key: "kind", title: <Trans>Kind</Trans>, cell: (expert) => i18n._(KINDS[expert.kind]) },
                { key: "share", title: <Trans>Weight</Trans>, numeric: true, cell: (expert) => format.percent(expert.share, 1) },
              ]}
            />
          </>
        );
      }}
    </Loaded>
  );
}
