import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { CATEGORIES, useCategoryName } from "../../shared/aqi/categories";
import { RampLegend } from "../../shared/aqi/Legend";
import type { ForecastPoint } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { Plot } from "../../shared/chart/Plot";
import { useFormat } from "../../shared/format/format";

const HOUR = 3_600_000;

/** The probability of each category, hour by hour, stacked to 100%. */
export function ProbabilityChart({ hours, note }: { hours: ForecastPoint[]; note: ReactNode }) {
  const { t } = useLingui();
  const format = useFormat();
  const categoryName = useCategoryName();
  const known = hours.filter((hour) => hour.probabilities !== undefined);
  const first = known[0];
  const last = known.at(-1);
  if (first === undefined || last === undefined) return null;
  const probability = (hour: ForecastPoint, name: string) => hour.probabilities?.[name] ?? 0;
  return (
    <ChartFrame
      title={<Trans>Probability of each category</Trans>}
      note={note}
      legend={<RampLegend />}
      rows={known}
      rowKey={(hour) => hour.time}
      columns={[
        { key: "hour", title: <Trans>Hour ending</Trans>, cell: (hour) => format.moment(hour.time) },
        ...CATEGORIES.map(({ key, name }) => ({
          key,
          title: categoryName(name),
          numeric: true,
          cell: (hour: ForecastPoint) => format.percent(probability(hour, name)),
        })),
      ]}
    >
      <Plot
        label={t`Probabilities of the six categories over the next 48 hours, stacked`}
        start={Date.parse(first.time) - HOUR}
        end={Date.parse(last.time)}
        max={1}
        unit="%"
        height={220}
        format={(value) => format.number(value * 100)}
      >
        {({ x, y }) =>
          known.map((hour) => {
            const end = Date.parse(hour.time);
            let below = 0;
            return CATEGORIES.map(({ key, name }) => {
              const share = probability(hour, name);
              const bottom = below;
              below += share;
              return share === 0 ? null : (
                <rect
                  key={`${hour.time} ${key}`}
                  className="cell"
                  data-ramp={key}
                  x={x(end - HOUR)}
                  width={Math.max(1, x(end) - x(end - HOUR))}
                  y={y(Math.min(1, below))}
                  height={Math.max(0, y(bottom) - y(Math.min(1, below)))}
                />
              );
            });
          })
        }
      </Plot>
    </ChartFrame>
  );
}
