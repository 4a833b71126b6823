import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { area, line } from "d3-shape";
import { useState } from "react";
import type { Plume } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { ChartKey } from "../../shared/chart/Key";
import { Plot } from "../../shared/chart/Plot";
import { useExpertName } from "../../shared/format/experts";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState } from "../../shared/state/states";
import type { Filters } from "./filters";
import { plumeQuery } from "./queries";

const IST = "+05:30";

/** All forecasts that were issued for one hour, and what came. */
export function PlumeSection({ filters, place }: { filters: Filters; place: string | null }) {
  const { city, target, mode } = filters;
  return (
    <section aria-labelledby="plume">
      <h2 id="plume">
        <Trans>Every forecast of one hour</Trans>
      </h2>
      {city === null || place === null ? (
        <p>
          <Trans>Choose a city above to see the 48 forecasts that were issued for any of its hours.</Trans>
        </p>
      ) : (
        <Hour key={`${city} ${target} ${mode}`} city={city} place={place} filters={filters} />
      )}
    </section>
  );
}

function Hour({ city, place, filters }: { city: string; place: string; filters: Filters }) {
  const [local, setLocal] = useState("");
  const time = local === "" ? null : `${local}:00${IST}`;
  return (
    <>
      <div className="controls">
        <label>
          <Trans>Hour (Indian time); the last one measured if nothing is chosen</Trans>
          <input type="datetime-local" step={3600} value={local} onChange={({ target }) => setLocal(target.value)} />
        </label>
      </div>
      <Loaded query={useQuery(plumeQuery(city, filters.target, filters.mode, time))}>
        {(plume) =>
          plume.forecasts.lead.length === 0 ? (
            <EmptyState title={<Trans>No forecast was issued for this hour</Trans>}>
              <Trans>Choose an hour within the record.</Trans>
            </EmptyState>
          ) : (
            <Drawn plume={plume} place={place} />
          )
        }
      </Loaded>
    </>
  );
}

interface Point {
  lead: number;
  origin: number;
  value: number;
  lower80: number;
  upper80: number;
  lower95: number;
  upper95: number;
  family: string;
}

function pointsOf({ forecasts }: Plume): Point[] {
  return forecasts.lead
    .map((lead, index) => ({
      lead,
      origin: Date.parse(forecasts.origin[index] ?? ""),
      value: forecasts.value[index] ?? 0,
      lower80: forecasts.lower_80[index] ?? 0,
      upper80: forecasts.upper_80[index] ?? 0,
      lower95: forecasts.lower_95[index] ?? 0,
      upper95: forecasts.upper_95[index] ?? 0,
      family: forecasts.family[index] ?? "",
    }))
    .toSorted((a, b) => a.origin - b.origin);
}

function Drawn({ plume, place }: { plume: Plume; place: string }) {
  const { t } = useLingui();
  const format = useFormat();
  const expertName = useExpertName();
  const points = pointsOf(plume);
  const { truth, unit } = plume;
  const decimals = plume.target === "aqi" ? 0 : 1;
  const show = (value: number) => format.number(value, decimals);
  const hour = format.moment(plume.time);
  const end = Date.parse(plume.time);
  const max = Math.max(50, truth ?? 0, ...points.map((point) => point.upper95)) * 1.05;
  const came = truth === null ? null : `${show(truth)} ${unit}`;
  const first = points[0];
  const latest = points.at(-1);
  if (first === undefined || latest === undefined) return null;
  const within = truth === null ? 0 : points.filter((point) => point.lower80 <= truth && truth <= point.upper80).length;
  const count = points.length;
  const path = (of: (point: Point) => number, x: (time: number) => number, y: (value: number) => number) =>
    line<Point>()
      .x((point) => x(point.origin))
      .y((point) => y(of(point)))(points) ?? "";
  const band = (lower: (point: Point) => number, upper: (point: Point) => number, x: (time: number) => number, y: (value: number) => number) =>
    area<Point>()
      .x((point) => x(point.origin))
      .y0((point) => y(lower(point)))
      .y1((point) => y(upper(point)))(points) ?? "";
  return (
    <ChartFrame
      title={
        <Trans>
          {place}, hour ending {hour}, as it was forecast
        </Trans>
      }
      note={
        came === null ? (
          <Trans>In {unit}. The hour is not measured yet. From left to right: forecasts from ever later origins.</Trans>
        ) : (
          <Trans>
            It came to {came}. {within} of {count} forecasts had it within their 80% interval. From left to right: forecasts from ever later
            origins.
          </Trans>
        )
      }
      legend={
        <ChartKey
          entries={[
            { mark: "line", text: <Trans>forecast</Trans> },
            { mark: "band-80", area: true, text: <Trans>80% interval</Trans> },
            { mark: "band-95", area: true, text: <Trans>95% interval</Trans> },
            ...(came === null ? [] : [{ mark: "truth", text: <Trans>what came</Trans> }]),
          ]}
        />
      }
      rows={points.toReversed()}
      rowKey={(point) => point.lead}
      columns={[
        { key: "lead", title: <Trans>Hours ahead</Trans>, numeric: true, cell: (point) => format.number(point.lead) },
        { key: "value", title: <Trans>Forecast, {unit}</Trans>, numeric: true, cell: (point) => show(point.value) },
        { key: "80", title: <Trans>80% interval</Trans>, numeric: true, cell: (point) => `${show(point.lower80)}–${show(point.upper80)}` },
        { key: "95", title: <Trans>95% interval</Trans>, numeric: true, cell: (point) => `${show(point.lower95)}–${show(point.upper95)}` },
        {
          key: "error",
          title: <Trans>Error</Trans>,
          numeric: true,
          cell: (point) => (truth === null ? "–" : `${point.value < truth ? "−" : "+"}${show(Math.abs(point.value - truth))}`),
        },
        { key: "family", title: <Trans>Model</Trans>, cell: (point) => expertName(point.family) },
      ]}
    >
      <Plot
        label={t`${show(first.value)} ${unit} from ${first.lead} h before, ${show(latest.value)} from ${latest.lead} h before`}
        start={first.origin}
        end={end}
        max={max}
        unit={unit}
      >
        {({ x, y }) => (
          <>
            <path className="band-95" d={band((point) => point.lower95, (point) => point.upper95, x, y)} />
            <path className="band-80" d={band((point) => point.lower80, (point) => point.upper80, x, y)} />
            <path className="line" d={path((point) => point.value, x, y)} />
            {truth === null ? null : <line className="truth" x1={x(first.origin)} x2={x(end)} y1={y(truth)} y2={y(truth)} />}
          </>
        )}
      </Plot>
    </ChartFrame>
  );
}
