import { Trans, useLingui } from "@lingui/react/macro";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import type { Model, Record as LiveRecord } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { ChartKey } from "../../shared/chart/Key";
import { useWidth } from "../../shared/chart/useWidth";
import { useFormat } from "../../shared/format/format";
import { metric } from "./words";
import "../../shared/chart/plot.css";

interface Point {
  lead: number;
  live: number | null;
  training: number | null;
  n: number;
  mae: number;
}

const HEIGHT = 260;
/** Below it the rest of the chart would be flat. */
const LOWEST = -1;
const MARGIN = { left: 52, right: 12, top: 16, bottom: 44 };

/** Skill at training (best family) and live, by lead time. */
function pointsOf(record: LiveRecord, trainings: [string, Model][]): Point[] {
  return record.by_lead.map((scores) => {
    const lead = scores.lead ?? 0;
    const held = trainings.flatMap(([, { metrics }]) => {
      const rows = Array.isArray(metrics["by_lead"]) ? metrics["by_lead"] : [];
      const row = rows.find((candidate) => metric(candidate, "lead") === lead);
      const skill = metric(row, "skill");
      return skill === null ? [] : [skill];
    });
    return { lead, live: scores.skill, training: held.length === 0 ? null : Math.max(...held), n: scores.n, mae: scores.mae };
  });
}

export function LeadChart({ record, trainings, unit }: { record: LiveRecord; trainings: [string, Model][]; unit: string }) {
  const { t } = useLingui();
  const format = useFormat();
  const { signed } = format;
  const [ref, width] = useWidth<HTMLDivElement>();
  const points = pointsOf(record, trainings);
  const values = points.flatMap(({ live, training }) => [live, training]).filter((value) => value !== null);
  const low = Math.max(LOWEST, Math.min(-0.1, ...values));
  const high = Math.max(0.3, ...values);
  const x = scaleLinear([1, 48], [MARGIN.left, width - MARGIN.right]);
  const y = scaleLinear([low, high], [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(5).clamp(true);
  const path = (of: (point: Point) => number | null) =>
    line<Point>()
      .defined((point) => of(point) !== null)
      .x((point) => x(point.lead))
      .y((point) => y(of(point) ?? 0))(points) ?? "";
  const at = (lead: number) => signed(points.find((point) => point.lead === lead)?.live);
  const [hour, day] = [at(1), at(24)];
  return (
    <ChartFrame
      title={<Trans>Skill by lead time</Trans>}
      note={
        <>
          <Trans>Against the best naive forecast on the same hours; 0% is no better than that. Errors in {unit}.</Trans>{" "}
          {values.some((value) => value < LOWEST) ? <Trans>Skill below −100% is drawn at the lower edge; the table has it.</Trans> : null}
        </>
      }
      legend={
        <ChartKey
          entries={[
            { mark: "line", text: <Trans>live</Trans> },
            { mark: "line line-dashed", text: <Trans>at training, the best family</Trans> },
          ]}
        />
      }
      rows={points}
      rowKey={(point) => point.lead}
      columns={[
        { key: "lead", title: <Trans>Hours ahead</Trans>, cell: (point) => format.number(point.lead) },
        { key: "live", title: <Trans>Skill, live</Trans>, numeric: true, cell: (point) => signed(point.live) },
        { key: "training", title: <Trans>Skill at training</Trans>, numeric: true, cell: (point) => signed(point.training) },
        { key: "mae", title: <>MAE, {unit}</>, numeric: true, cell: (point) => format.number(point.mae, 1) },
        { key: "n", title: <Trans>Hours</Trans>, numeric: true, cell: (point) => format.number(point.n) },
      ]}
    >
      <div ref={ref} className="plot">
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={t`Live skill ${hour} at 1 h, ${day} at 24 h`}>
          {y.ticks(5).map((value) => (
            <g key={value}>
              <line className={value === 0 ? "grid grid-day" : "grid"} x1={MARGIN.left} x2={width - MARGIN.right} y1={y(value)} y2={y(value)} />
              <text className="axis" x={MARGIN.left - 6} y={y(value)} dy="0.32em" textAnchor="end">
                {format.percent(value)}
              </text>
            </g>
          ))}
          {[1, 6, 12, 24, 36, 48].map((lead) => (
            <text key={lead} className="axis" x={x(lead)} y={HEIGHT - MARGIN.bottom + 18} textAnchor="middle">
              {lead}
            </text>
          ))}
          <text className="axis" x={x(24.5)} y={HEIGHT - 8} textAnchor="middle">
            {t`hours ahead`}
          </text>
          <path className="line line-dashed" d={path((point) => point.training)} />
          <path className="line" d={path((point) => point.live)} />
        </svg>
      </div>
    </ChartFrame>
  );
}
