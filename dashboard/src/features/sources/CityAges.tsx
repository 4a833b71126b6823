import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "wouter";
import type { Overview } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import type { Column } from "../../shared/chart/DataTable";
import { useWidth } from "../../shared/chart/useWidth";
import { useBasis } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { usePlaceName } from "../../shared/i18n/i18n";
import { AGE_BOUNDS, type AgedCity, byAge, countByAge } from "./ages";

const ROW = 28;
const LABEL = 116;

/** How many cities have data of which age, and each city in the table behind it. */
export function CityAges({ overview }: { overview: Overview }) {
  const { t } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const basis = useBasis();
  const now = useNow();
  const cities = byAge(overview.cities, now);
  const { classes, none } = countByAge(cities);
  const labels = [...AGE_BOUNDS.map((bound) => t`up to ${bound} h`), t`over 24 h`, t`no data`];
  const bars = [...classes, none].map((number, index) => ({ label: labels[index] ?? "", number }));
  const columns: Column<AgedCity>[] = [
    { key: "city", title: <Trans>City</Trans>, cell: ({ city }) => <Link href={`/city/${city.slug}`}>{placeName(city.name)}</Link> },
    {
      key: "age",
      title: <Trans>Newest hour</Trans>,
      cell: ({ city }) => (city.latest === null ? <Trans>none within 48 h</Trans> : format.relative(city.latest.timestamp, now)),
    },
    { key: "basis", title: <Trans>Basis</Trans>, cell: ({ city }) => (city.latest === null ? "–" : basis(city.latest.basis, overview.simulated)) },
  ];
  return (
    <ChartFrame
      title={<Trans>Cities by the age of their newest hour</Trans>}
      note={
        <Trans>
          Number of cities; hours since the end of the newest hour with an index. Measurements come one to two hours after the hour's end.
        </Trans>
      }
      columns={columns}
      rows={cities}
      rowKey={({ city }) => city.slug}
    >
      <p>
        <Plural value={none} _0="Every city has an index of the last 48 hours." one="# city has no index of the last 48 hours." other="# cities have no index of the last 48 hours." />
      </p>
      <Bars bars={bars} label={t`Cities by the age of their newest hour`} />
    </ChartFrame>
  );
}

function Bars({ bars, label }: { bars: { label: string; number: number }[]; label: string }) {
  const format = useFormat();
  const [ref, width] = useWidth<SVGSVGElement>();
  const most = Math.max(1, ...bars.map((bar) => bar.number));
  const length = Math.max(40, width - LABEL - 48);
  return (
    <svg ref={ref} className="bars" role="img" aria-label={label} width="100%" height={bars.length * ROW}>
      {bars.map((bar, index) => (
        <g key={bar.label} transform={`translate(0 ${index * ROW})`}>
          <text x={LABEL - 8} y={ROW / 2} dominantBaseline="central" textAnchor="end">
            {bar.label}
          </text>
          <rect x={LABEL} y={4} width={(bar.number / most) * length} height={ROW - 8} rx={3} />
          <text x={LABEL + (bar.number / most) * length + 6} y={ROW / 2} dominantBaseline="central">
            {format.number(bar.number)}
          </text>
        </g>
      ))}
    </svg>
  );
}
