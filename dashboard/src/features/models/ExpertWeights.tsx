import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { DataTable } from "../../shared/chart/DataTable";
import { useExpertName } from "../../shared/format/experts";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState } from "../../shared/state/states";
import type { Target } from "./choice";
import { expertsQuery } from "./queries";

/** Each expert's weight by block of lead times. */
export function ExpertWeights({ city, target }: { city: string; target: Target }) {
  const format = useFormat();
  const expertName = useExpertName();
  return (
    <Loaded query={useQuery(expertsQuery(city, target))}>
      {({ explanation, issued_at: issuedAt }) => {
        const experts = (explanation?.experts ?? []).toSorted((a, b) => b.share - a.share);
        const blocks = experts[0]?.weights ?? [];
        const issued = format.moment(issuedAt);
        if (experts.length === 0) {
          return (
            <EmptyState title={<Trans>This forecast is not made of several</Trans>}>
              <Trans>There is too little history to weigh forecasts against each other.</Trans>
            </EmptyState>
          );
        }
        return (
          <DataTable
            caption={<Trans>Weight of each part by hours ahead, issued {issued}</Trans>}
            rows={experts}
            rowKey={(expert) => expert.name}
            columns={[
              { key: "name", title: <Trans>Part</Trans>, cell: (expert) => expertName(expert.name) },
              { key: "share", title: <Trans>In all</Trans>, numeric: true, cell: (expert) => format.percent(expert.share) },
              ...blocks.map((block, index) => {
                const leads = block.first_lead === block.last_lead ? String(block.first_lead) : `${block.first_lead}–${block.last_lead}`;
                return {
                  key: String(block.first_lead),
                  title: <Trans>{leads} h</Trans>,
                  numeric: true,
                  cell: (expert: (typeof experts)[number]) => format.percent(expert.weights[index]?.weight ?? 0),
                };
              }),
            ]}
          />
        );
      }}
    </Loaded>
  );
}
