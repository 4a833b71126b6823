import { Trans, useLingui } from "@lingui/react/macro";
import { line } from "d3-shape";
import type { ReactNode } from "react";
import type { ForecastPoint } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { ChartKey } from "../../shared/chart/Key";
import { Plot } from "../../shared/chart/Plot";
import { useFormat } from "../../shared/format/format";

const LIMITS = [
  { limit: "200", mark: "line" },
  { limit: "300", mark: "line line-dashed" },
  { limit: "400", mark: "line line-dotted" },
] as const;

/** The probability that the index is above 200, 300, 400, hour by hour. */
export function ExceedanceChart({ hours, note }: { hours: ForecastPoint[]; note: ReactNode }) {
  const { t } = useLingui();
  const format = useFormat();
  const known = hours.filter((hour) => hour.exceedance !== undefined);
  const first = known[0];
  const last = known.at(-1);
  if (first === undefined || last === undefined) return null;
  const probability = (hour: ForecastPoint, limit: string) => hour.exceedance?.[limit] ?? 0;
  const highest = (limit: string) => format.percent(Math.max(...known.map((hour) => probability(hour, limit))));
  const [poor, veryPoor, severe] = [highest("200"), highest("300"), highest("400")];
  return (
    <ChartFrame
      title={<Trans>Chance of an index above 200, 300 and 400</Trans>}
      note={note}
      legend={
        <ChartKey
          entries={[
            { mark: "line", text: <Trans>above 200 (Poor or worse): up to {poor}</Trans> },
            { mark: "line line-dashed", text: <Trans>above 300 (Very Poor or worse): up to {veryPoor}</Trans> },
            { mark: "line line-dotted", text: <Trans>above 400 (Severe): up to {severe}</Trans> },
          ]}
        />
      }
      rows={known}
      rowKey={(hour) => hour.time}
      columns={[
        { key: "hour", title: <Trans>Hour ending</Trans>, cell: (hour) => format.moment(hour.time) },
        ...LIMITS.map(({ limit }) => ({
          key: limit,
          title: <Trans>Above {limit}</Trans>,
          numeric: true,
          cell: (hour: ForecastPoint) => format.percent(probability(hour, limit)),
        })),
      ]}
    >
      <Plot
        label={t`Highest hourly chance: above 200 ${poor}, above 300 ${veryPoor}, above 400 ${severe}`}
        start={Date.parse(first.time)}
        end={Date.parse(last.time)}
        max={1}
        unit="%"
        height={200}
        format={(value) => format.number(value * 100)}
      >
        {({ x, y }) =>
          LIMITS.map(({ limit, mark }) => (
            <path
              key={limit}
              className={mark}
              d={
                line<ForecastPoint>()
                  .x((hour) => x(Date.parse(hour.time)))
                  .y((hour) => y(probability(hour, limit)))(known) ?? ""
              }
            />
          ))
        }
      </Plot>
    </ChartFrame>
  );
}
