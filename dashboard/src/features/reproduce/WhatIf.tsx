import { Trans, useLingui } from "@lingui/react/macro";
import { line } from "d3-shape";
import { type ReactNode, useDeferredValue, useId, useMemo, useState } from "react";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { ChartKey } from "../../shared/chart/Key";
import { Plot } from "../../shared/chart/Plot";
import { useFormat } from "../../shared/format/format";
import type { Parts } from "./parts";
import type { Hour } from "./Reproduce";
import { asIssued, forecast } from "./recipe";
import { changed, isChanged, UNCHANGED } from "./scenario";

type Row = Hour & { assumed: number };

/** The forecast hour by hour, and under other inputs. */
export function WhatIf({ hours, parts }: { hours: Hour[]; parts: Parts }) {
  const { t } = useLingui();
  const format = useFormat();
  const [scenario, setScenario] = useState(UNCHANGED);
  const settled = useDeferredValue(scenario);
  const { recipe, model } = parts;
  const touched = isChanged(settled);
  const rows = useMemo<Row[]>(() => {
    const { matrix, given } = changed(recipe, parts.matrix, settled);
    const assumed = forecast(recipe, model, matrix, given);
    return hours.map((hour, at) => ({ ...hour, assumed: asIssued(recipe, assumed[at] ?? Number.NaN) }));
  }, [hours, recipe, model, parts.matrix, settled]);
  const digits = recipe.whole ? 0 : 1;
  const unit = recipe.target === "aqi" ? t`AQI` : "µg/m³";
  const peak = (values: number[]) => format.number(Math.max(...values), digits);
  const issuedPeak = peak(rows.map(({ issued }) => issued));
  const assumedPeak = peak(rows.map(({ assumed }) => assumed));
  const first = rows[0];
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return null;
  const percent = format.percent(scenario.level);
  const wind = signed(scenario.wind, (value) => format.number(value, 1));
  const rain = format.number(scenario.rain, 1);
  return (
    <>
      <h3>
        <Trans>What if the inputs were different?</Trans>
      </h3>
      <p>
        <Trans>
          Move the sliders. What you see then is the model’s answer, not the air’s: a model has learnt what usually goes together, not what causes what.
        </Trans>
      </p>
      <div className="reproduce-sliders">
        <Slider
          label={<Trans>Pollution of the last days</Trans>}
          shown={t`${percent} of what was measured`}
          min={0.5}
          max={2}
          step={0.05}
          value={scenario.level}
          onValue={(level) => setScenario({ ...scenario, level })}
        />
        <Slider
          label={<Trans>Wind, now and ahead</Trans>}
          shown={t`${wind} m/s`}
          min={-2}
          max={4}
          step={0.5}
          value={scenario.wind}
          onValue={(value) => setScenario({ ...scenario, wind: value })}
        />
        <Slider
          label={<Trans>Rain, now and ahead</Trans>}
          shown={t`+${rain} mm an hour`}
          min={0}
          max={5}
          step={0.5}
          value={scenario.rain}
          onValue={(value) => setScenario({ ...scenario, rain: value })}
        />
        <button type="button" onClick={() => setScenario(UNCHANGED)} disabled={!isChanged(scenario)}>
          <Trans>As it was issued</Trans>
        </button>
      </div>
      <ChartFrame<Row>
        title={<Trans>As issued, and under your assumptions</Trans>}
        note={<Trans>{unit}. Computed in this browser from the published model and inputs. What is no model’s, such as naive forecasts, follows the pollution of the last days.</Trans>}
        legend={
          <ChartKey
            entries={[
              { mark: "line", text: <Trans>as issued</Trans> },
              ...(touched ? [{ mark: "line line-dashed", text: <Trans>under your assumptions</Trans> }] : []),
            ]}
          />
        }
        rows={rows}
        rowKey={({ lead }) => lead}
        columns={[
          { key: "time", title: <Trans>Hour ending</Trans>, cell: ({ time }) => format.moment(new Date(time)) },
          { key: "issued", title: <Trans>Issued</Trans>, numeric: true, cell: ({ issued }) => format.number(issued, digits) },
          { key: "again", title: <Trans>Computed again</Trans>, numeric: true, cell: ({ recomputed }) => format.number(recomputed, 6) },
          { key: "agrees", title: <Trans>Agrees</Trans>, cell: ({ agrees }) => (agrees ? <Trans>yes</Trans> : <Trans>no</Trans>) },
          { key: "assumed", title: <Trans>Under your assumptions</Trans>, numeric: true, cell: ({ assumed }) => format.number(assumed, digits) },
        ]}
      >
        <Plot
          label={touched ? t`Highest as issued: ${issuedPeak}; under your assumptions: ${assumedPeak}` : t`Highest as issued: ${issuedPeak}`}
          start={first.time}
          end={last.time}
          max={1.1 * Math.max(1, ...rows.flatMap(({ issued, assumed }) => [issued, assumed]))}
          unit={unit}
        >
          {({ x, y }) => {
            const path = (value: (row: Row) => number) => line<Row>((row) => x(row.time), (row) => y(value(row)))(rows) ?? "";
            return (
              <>
                <path className="line" d={path(({ issued }) => issued)} />
                {touched ? <path className="line line-dashed" d={path(({ assumed }) => assumed)} /> : null}
              </>
            );
          }}
        </Plot>
      </ChartFrame>
      <p className="quiet" role="status">
        {touched ? <Trans>Highest under your assumptions: {assumedPeak}; as issued: {issuedPeak}.</Trans> : null}
      </p>
    </>
  );
}

function signed(value: number, show: (value: number) => string): string {
  return value > 0 ? `+${show(value)}` : show(value);
}

interface SliderProps {
  label: ReactNode;
  /** The value in words, for screen readers too. */
  shown: string;
  min: number;
  max: number;
  step: number;
  value: number;
  onValue: (value: number) => void;
}

function Slider({ label, shown, min, max, step, value, onValue }: SliderProps) {
  const id = useId();
  return (
    <p>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={shown}
        onChange={(event) => onValue(event.currentTarget.valueAsNumber)}
      />
      <output htmlFor={id}>{shown}</output>
    </p>
  );
}
