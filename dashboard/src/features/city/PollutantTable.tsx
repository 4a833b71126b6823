import { Trans } from "@lingui/react/macro";
import { AqiBadge } from "../../shared/aqi/Badge";
import { POLLUTANT_KEYS, pollutantName } from "../../shared/aqi/pollutants";
import type { Pollutant, Pollutants } from "../../shared/api/schema";
import { DataTable } from "../../shared/chart/DataTable";
import { sourceName, useBasis } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { EmptyState } from "../../shared/state/states";
import { SubIndexWithheld } from "./Withheld";

/** Each pollutant: its value in the latest hour, and the mean its sub-index was read off for. */
export function PollutantTable({ now }: { now: Pollutants }) {
  const format = useFormat();
  const basis = useBasis();
  const clock = useNow();
  const rows = POLLUTANT_KEYS.flatMap((key) => {
    const pollutant = now.pollutants[key];
    return pollutant === undefined ? [] : [{ key, ...pollutant }];
  });
  if (rows.length === 0) {
    return (
      <EmptyState title={<Trans>No concentrations</Trans>}>
        <Trans>The source publishes only an index for this hour.</Trans>
      </EmptyState>
    );
  }
  const decimals = (value: number) => (value < 10 ? 2 : 1);
  const source = now.source === null ? "–" : sourceName(now.source);
  const kind = basis(now.basis, now.simulated);
  const age = format.relative(now.timestamp, clock);
  return (
    <>
      <DataTable
        caption={<Trans>Concentrations and sub-indices (NAQI)</Trans>}
        rows={rows}
        rowKey={(row) => row.key}
        columns={[
          {
            key: "pollutant",
            title: <Trans>Pollutant</Trans>,
            cell: (row) => (
              <>
                {pollutantName(row.key)}
                {row.dominant ? (
                  <strong>
                    {" "}
                    (<Trans>drives the index</Trans>)
                  </strong>
                ) : null}
              </>
            ),
          },
          {
            key: "index",
            title: <Trans>Sub-index</Trans>,
            cell: (row) => (row.sub_index === null ? <SubIndexWithheld pollutant={row} /> : <AqiBadge aqi={row.sub_index} />),
          },
          {
            key: "hour",
            title: <Trans>Latest hour</Trans>,
            numeric: true,
            cell: (row) => (row.concentration === null ? "–" : `${format.number(row.concentration, decimals(row.concentration))} ${row.unit}`),
          },
          {
            key: "mean",
            title: <Trans>Mean of the rule</Trans>,
            numeric: true,
            cell: (row) => (row.window_mean === null ? "–" : `${format.number(row.window_mean, decimals(row.window_mean))} ${row.unit}`),
          },
          { key: "window", title: <Trans>Hours it rests on</Trans>, cell: (row) => <Window pollutant={row} /> },
        ]}
      />
      <p className="quiet">
        <Trans>
          {source}, {kind}, {age}. CO in mg/m³, all others in µg/m³.
        </Trans>
      </p>
    </>
  );
}

function Window({ pollutant }: { pollutant: Pollutant }) {
  const { window, hours_present: present, hours_required: required, hours_window: whole } = pollutant;
  if (window === null) return "–";
  if (present === null || required === null) return "–";
  return (
    <>
      <Trans>
        {present} of {whole} h
      </Trans>{" "}
      <span className="quiet">
        <Trans>({required} needed)</Trans>
      </span>
    </>
  );
}
