import { Trans, useLingui } from "@lingui/react/macro";
import { area, curveMonotoneX, line } from "d3-shape";
import { type ReactNode, useState } from "react";
import { categoryOf, useCategoryName } from "../../shared/aqi/categories";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { HourSlider } from "../../shared/chart/HourSlider";
import { ChartKey } from "../../shared/chart/Key";
import { Plot, type Scales } from "../../shared/chart/Plot";
import { useFormat } from "../../shared/format/format";
import { axisMax, type FanPoint, type PastPoint, type Target } from "./forecastPoints";

interface Props {
  target: Target;
  points: FanPoint[];
  past: PastPoint[];
  naive: boolean;
  note: ReactNode;
}

const UNITS: Record<Target, string> = { aqi: "AQI", pm25: "µg/m³" };

/** The forecast with its 80% and 95% intervals, after the last 24 known hours. */
export function FanChart({ target, points, past, naive, note }: Props) {
  const { t } = useLingui();
  const format = useFormat();
  const categoryName = useCategoryName();
  const [index, setIndex] = useState(0);
  const show = (value: number) => format.number(value, target === "aqi" ? 0 : 1);
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return null;
  const chosen = points[Math.min(index, points.length - 1)] ?? first;
  const start = past[0]?.time ?? first.time;
  const max = axisMax([...points.map((point) => point.upper95), ...past.map((point) => point.value ?? 0)], target);
  const peak = points.reduce((a, b) => (b.value > a.value ? b : a));
  const unit = UNITS[target];
  const peakTime = format.moment(new Date(peak.time));
  const peakText = `${show(peak.value)} ${unit}`;
  const peakRange = `${show(peak.lower80)}–${show(peak.upper80)}`;
  const nearest = (time: number) => {
    const at = points.findIndex((point) => point.time >= time - 1_800_000);
    setIndex(at === -1 ? points.length - 1 : at);
  };
  return (
    <ChartFrame
      title={target === "aqi" ? <Trans>Forecast of the index, hour by hour</Trans> : <Trans>Forecast of PM2.5, hour by hour</Trans>}
      note={note}
      legend={
        <ChartKey
          entries={[
            { mark: "line line-past", text: <Trans>last 24 hours</Trans> },
            { mark: naive ? "line line-dashed" : "line", text: naive ? <Trans>naive forecast</Trans> : <Trans>forecast</Trans> },
            { mark: "band-80", area: true, text: <Trans>80% interval</Trans> },
            { mark: "band-95", area: true, text: <Trans>95% interval</Trans> },
          ]}
        />
      }
      rows={points}
      rowKey={(point) => point.time}
      columns={[
        { key: "hour", title: <Trans>Hour ending</Trans>, cell: (point) => format.moment(new Date(point.time)) },
        { key: "lead", title: <Trans>Hours ahead</Trans>, numeric: true, cell: (point) => format.number(point.lead) },
        { key: "value", title: unit, numeric: true, cell: (point) => show(point.value) },
        { key: "80", title: <Trans>80% interval</Trans>, numeric: true, cell: (point) => `${show(point.lower80)}–${show(point.upper80)}` },
        { key: "95", title: <Trans>95% interval</Trans>, numeric: true, cell: (point) => `${show(point.lower95)}–${show(point.upper95)}` },
      ]}
    >
      <Plot
        label={t`Highest at ${peakTime}: ${peakText}, 80% interval ${peakRange}`}
        start={start}
        end={last.time}
        max={max}
        unit={unit}
        categories={target === "aqi"}
        onTime={nearest}
      >
        {(scales) => <Fan {...scales} points={points} past={past} naive={naive} chosen={chosen} />}
      </Plot>
      <HourSlider label={<Trans>Read the forecast hour by hour</Trans>} count={points.length} index={Math.min(index, points.length - 1)} onIndex={setIndex}>
        <strong>{format.moment(new Date(chosen.time))}</strong>{" "}
        <Trans>
          ({chosen.lead} h ahead): {show(chosen.value)} {unit}
        </Trans>
        {target === "aqi" ? `, ${categoryName(categoryOf(chosen.value))}` : null};{" "}
        <Trans>
          80%: {show(chosen.lower80)}–{show(chosen.upper80)}; 95%: {show(chosen.lower95)}–{show(chosen.upper95)}
        </Trans>
      </HourSlider>
    </ChartFrame>
  );
}

function Fan({ x, y, points, past, naive, chosen }: Scales & Pick<Props, "points" | "past" | "naive"> & { chosen: FanPoint }) {
  const known = past.findLast((point) => point.value !== null);
  // The fan opens at the last known value.
  const opened =
    known?.value == null
      ? points
      : [
          { time: known.time, lead: 0, value: known.value, lower80: known.value, upper80: known.value, lower95: known.value, upper95: known.value },
          ...points,
        ];
  const band = (lower: "lower80" | "lower95", upper: "upper80" | "upper95") =>
    area<FanPoint>()
      .x((point) => x(point.time))
      .y0((point) => y(point[lower]))
      .y1((point) => y(point[upper]))
      .curve(curveMonotoneX)(opened) ?? "";
  const forecast = line<FanPoint>()
    .x((point) => x(point.time))
    .y((point) => y(point.value))
    .curve(curveMonotoneX)(opened);
  const history = line<PastPoint>()
    .defined((point) => point.value !== null)
    .x((point) => x(point.time))
    .y((point) => y(point.value ?? 0))(past);
  const [bottom, top] = y.range();
  return (
    <>
      <path className="band-95" d={band("lower95", "upper95")} />
      <path className="band-80" d={band("lower80", "upper80")} />
      {known === undefined ? null : <line className="mark" x1={x(known.time)} x2={x(known.time)} y1={bottom} y2={top} />}
      <path className="line line-past" d={history ?? ""} />
      <path className={naive ? "line line-dashed" : "line"} d={forecast ?? ""} />
      <line className="cursor" x1={x(chosen.time)} x2={x(chosen.time)} y1={y(chosen.lower95)} y2={y(chosen.upper95)} />
      <circle className="point" cx={x(chosen.time)} cy={y(chosen.value)} r="4" />
    </>
  );
}
