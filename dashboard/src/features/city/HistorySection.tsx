import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { line } from "d3-shape";
import { lazy, Suspense } from "react";
import { useSearchParams } from "wouter";
import { POLLUTANT_KEYS, pollutantName } from "../../shared/aqi/pollutants";
import type { History } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { Plot } from "../../shared/chart/Plot";
import { sourceName, useBasis } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState, LoadingState } from "../../shared/state/states";
import { useTheme } from "../../shared/theme/theme";
import { axisMax, type PastPoint } from "./forecastPoints";
import { historySeries } from "./historySeries";
import { historyFile, historyQuery, RANGES, type Range } from "./queries";

const LongChart = lazy(() => import("./LongChart"));

export function HistorySection({ slug }: { slug: string }) {
  const { t } = useLingui();
  const [params, setParams] = useSearchParams();
  const range = RANGES.find((name) => name === params.get("range")) ?? "7d";
  const shown = POLLUTANT_KEYS.find((key) => key === params.get("show")) ?? "aqi";
  const query = useQuery(historyQuery(slug, range));
  const choose = (name: string, value: string) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        after.set(name, value);
        return after;
      },
      { replace: true },
    );
  const names: Record<Range, string> = { "24h": t`24 hours`, "7d": t`7 days`, "30d": t`30 days`, "1y": t`1 year` };
  return (
    <div className="stack">
      <div className="controls">
        <fieldset className="segmented">
          <legend>
            <Trans>Time</Trans>
          </legend>
          {RANGES.map((name) => (
            <label key={name}>
              <input type="radio" name="range" value={name} checked={range === name} onChange={() => choose("range", name)} />
              <span>{names[name]}</span>
            </label>
          ))}
        </fieldset>
        <label>
          <Trans>Shown</Trans>
          <select value={shown} onChange={({ target }) => choose("show", target.value)}>
            <option value="aqi">{t`Index (NAQI)`}</option>
            {POLLUTANT_KEYS.map((key) => (
              <option key={key} value={key}>
                {pollutantName(key)}
              </option>
            ))}
          </select>
        </label>
        <a href={historyFile(slug, range)} download>
          <Trans>Download as CSV</Trans>
        </a>
      </div>
      <Loaded query={query}>{(history) => <HistoryChart history={history} shown={shown} title={names[range]} />}</Loaded>
    </div>
  );
}

function HistoryChart({ history, shown, title }: { history: History; shown: string; title: string }) {
  const { t } = useLingui();
  const format = useFormat();
  const basis = useBasis();
  const now = useNow();
  // The colours of a canvas are set when it is made.
  const theme = useTheme();
  const { points, sources, bases } = historySeries(history, shown);
  const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
  const what = shown === "aqi" ? t`Index` : pollutantName(shown);
  if (values.length === 0) {
    return (
      <EmptyState title={<Trans>No values in this time: {what}</Trans>}>
        <Trans>Nothing was received, or the source does not publish it.</Trans>
      </EmptyState>
    );
  }
  const daily = history.interval === "day";
  const unit = shown === "aqi" ? "AQI" : (history.units[shown] ?? "");
  const show = (value: number) => format.number(value, shown === "aqi" || value >= 100 ? 0 : 1);
  const [low, high] = [show(Math.min(...values)), show(Math.max(...values))];
  const from = sources.map(sourceName).join(", ");
  const kinds = [...new Set(bases.map((kind) => basis(kind, history.simulated)))].join(", ");
  const newest = points.at(-1)?.time ?? 0;
  const age = daily ? format.date(new Date(newest)) : format.relative(new Date(newest), now);
  const missing = history.expected - values.length;
  const label = t`${what} between ${low} and ${high} ${unit}`;
  return (
    <ChartFrame
      title={
        <>
          {what}, {title}
        </>
      }
      note={
        <>
          {daily ? <Trans>Means of Indian days, in {unit}.</Trans> : <Trans>Hourly, in {unit}.</Trans>} {" "}
          <Trans>
            {from}, {kinds}; the newest {age}.
          </Trans>{" "}
          {missing > 0 ? (
            daily ? (
              <Plural value={missing} one="# day is missing." other="# days are missing." />
            ) : (
              <Plural value={missing} one="# hour is missing." other="# hours are missing." />
            )
          ) : null}
        </>
      }
      rows={points.filter(({ value }) => value !== null)}
      rowKey={(point) => point.time}
      columns={[
        {
          key: "time",
          title: daily ? <Trans>Day</Trans> : <Trans>Hour ending</Trans>,
          cell: ({ time }) => (daily ? format.date(new Date(time)) : format.moment(new Date(time))),
        },
        { key: "value", title: unit, numeric: true, cell: ({ value }) => (value === null ? "–" : show(value)) },
        { key: "basis", title: <Trans>Basis</Trans>, cell: (point) => basis(point.basis, history.simulated) },
        { key: "source", title: <Trans>Source</Trans>, cell: (point) => (point.source === null ? "–" : sourceName(point.source)) },
      ]}
    >
      {points.length > 200 ? (
        <Suspense fallback={<LoadingState />}>
          <LongChart key={theme} points={points} label={label} unit={unit} max={axisMax(values, shown)} />
        </Suspense>
      ) : (
        <Plot
          label={label}
          start={points[0]?.time ?? 0}
          end={points.at(-1)?.time ?? 0}
          max={axisMax(values, shown)}
          unit={unit}
          categories={shown === "aqi"}
        >
          {({ x, y }) => (
            <path
              className="line"
              d={
                line<PastPoint>()
                  .defined((point) => point.value !== null)
                  .x((point) => x(point.time))
                  .y((point) => y(point.value ?? 0))(points) ?? ""
              }
            />
          )}
        </Plot>
      )}
    </ChartFrame>
  );
}
