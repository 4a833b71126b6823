import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { useState } from "react";
import type { EventReliability, ReliabilityBin } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState } from "../../shared/state/states";
import type { Filters } from "./filters";
import { reliabilityQuery } from "./queries";

const EVENTS = ["category", "200", "300", "400"] as const;
type EventName = (typeof EVENTS)[number];

/** Whether what was called likely happened as often as it was called likely. */
export function ReliabilitySection({ filters, place }: { filters: Filters; place: string | null }) {
  const { t } = useLingui();
  const [event, setEvent] = useState<EventName>("category");
  const { city, lead, season, mode } = filters;
  const names: Record<EventName, string> = {
    category: t`the stated category`,
    "200": t`above 200`,
    "300": t`above 300`,
    "400": t`above 400`,
  };
  return (
    <section aria-labelledby="reliability">
      <h2 id="reliability">
        <Trans>Do stated probabilities come true?</Trans>
      </h2>
      <fieldset className="segmented">
        <legend>
          <Trans>Probability of</Trans>
        </legend>
        {EVENTS.map((name) => (
          <label key={name}>
            <input type="radio" name="event" value={name} checked={event === name} onChange={() => setEvent(name)} />
            <span>{names[name]}</span>
          </label>
        ))}
      </fieldset>
      <Loaded query={useQuery(reliabilityQuery(city, lead, season, mode))}>
        {({ events }) => {
          const stated = events[event];
          return stated === undefined || stated.n === 0 ? (
            <EmptyState title={<Trans>No such probability has been stated here</Trans>}>
              <Trans>Probabilities are stated of the index. Choose another season, lead time or city.</Trans>
            </EmptyState>
          ) : (
            <Diagram stated={stated} event={names[event]} lead={lead} place={place} />
          );
        }}
      </Loaded>
    </section>
  );
}

const SIZE = 320;
const COUNTS = 64;
const MARGIN = { left: 44, right: 12, top: 12, bottom: 40 };

function Diagram({ stated, event, lead, place }: { stated: EventReliability; event: string; lead: number; place: string | null }) {
  const { t } = useLingui();
  const format = useFormat();
  const x = scaleLinear([0, 1], [MARGIN.left, SIZE - MARGIN.right]);
  const y = scaleLinear([0, 1], [SIZE - MARGIN.bottom, MARGIN.top]);
  const most = Math.max(...stated.bins.map((bin) => bin.n));
  const bar = scaleLinear([0, most], [0, COUNTS - 20]);
  const n = format.number(stated.n);
  const baseRate = format.percent(stated.base_rate, 1);
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const range = (bin: ReliabilityBin) => `${format.percent(bin.above)}–${format.percent(bin.below)}`;
  const summary = stated.bins.map((bin) => `${format.percent(bin.stated)}: ${format.percent(bin.realised)}`).join("; ");
  return (
    <ChartFrame
      title={
        <Trans>
          Stated and realised, {lead} h ahead: {event}
        </Trans>
      }
      note={
        place === null ? (
          <Trans>{n} stated probabilities, all cities. It happened in {baseRate} of the hours (horizontal line).</Trans>
        ) : (
          <Trans>
            {n} stated probabilities, {place}. It happened in {baseRate} of the hours (horizontal line).
          </Trans>
        )
      }
      rows={stated.bins}
      rowKey={(bin) => bin.above}
      columns={[
        { key: "range", title: <Trans>Stated between</Trans>, cell: range },
        { key: "stated", title: <Trans>Mean stated</Trans>, numeric: true, cell: (bin) => format.percent(bin.stated, 1) },
        { key: "realised", title: <Trans>Came true</Trans>, numeric: true, cell: (bin) => format.percent(bin.realised, 1) },
        { key: "n", title: <Trans>How often</Trans>, numeric: true, cell: (bin) => format.number(bin.n) },
        { key: "enough", title: <Trans>Enough</Trans>, cell: (bin) => (bin.enough ? <Trans>yes</Trans> : <Trans>fewer than 30</Trans>) },
      ]}
    >
      <div className="reliability">
        <svg viewBox={`0 0 ${SIZE} ${SIZE + COUNTS}`} role="img" aria-label={t`Stated: came true. ${summary}`}>
          {ticks.map((tick) => (
            <g key={tick}>
              <line className="grid" x1={x(0)} x2={x(1)} y1={y(tick)} y2={y(tick)} />
              <line className="grid" x1={x(tick)} x2={x(tick)} y1={y(0)} y2={y(1)} />
              <text className="axis" x={x(0) - 6} y={y(tick)} dy="0.32em" textAnchor="end">
                {format.percent(tick)}
              </text>
              <text className="axis" x={x(tick)} y={y(0) + 16} textAnchor="middle">
                {format.percent(tick)}
              </text>
            </g>
          ))}
          <text className="axis" x={x(0.5)} y={y(0) + 32} textAnchor="middle">
            {t`stated`}
          </text>
          <text className="axis" x={x(0) + 4} y={y(1) + 10}>
            {t`came true`}
          </text>
          <line className="base-rate" x1={x(0)} x2={x(1)} y1={y(stated.base_rate)} y2={y(stated.base_rate)} />
          <line className="diagonal" x1={x(0)} x2={x(1)} y1={y(0)} y2={y(1)} />
          <path
            className="stated"
            d={
              line<ReliabilityBin>()
                .x((bin) => x(bin.stated))
                .y((bin) => y(bin.realised))(stated.bins.filter((bin) => bin.enough)) ?? ""
            }
          />
          {stated.bins.map((bin) => (
            <g key={bin.above}>
              <circle data-enough={bin.enough} cx={x(bin.stated)} cy={y(bin.realised)} r={bin.enough ? 5 : 3} />
              <rect
                className="counts"
                x={x(bin.above) + 1}
                width={x(0.1) - x(0) - 2}
                y={SIZE + COUNTS - bar(bin.n)}
                height={bar(bin.n)}
              />
            </g>
          ))}
          <text className="axis" x={x(0)} y={SIZE + 10}>
            {t`how often stated, at most ${format.number(most)}`}
          </text>
        </svg>
      </div>
    </ChartFrame>
  );
}
