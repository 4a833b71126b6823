import { Trans, useLingui } from "@lingui/react/macro";
import { useQueries } from "@tanstack/react-query";
import { line } from "d3-shape";
import { Link } from "wouter";
import type { HourPoint } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { Plot } from "../../shared/chart/Plot";
import { sourceName, useBasis } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { EmptyState } from "../../shared/state/states";
import { weekQuery } from "./queries";

const HOUR = 3_600_000;

interface Week {
  slug: string;
  city: string;
  start: number;
  end: number;
  points: HourPoint[];
  simulated: boolean;
}

/** The last week of each city on the same scale, one small chart each: no colours to tell apart. */
export function Weeks({ slugs }: { slugs: string[] }) {
  const { t } = useLingui();
  const format = useFormat();
  const basis = useBasis();
  const placeName = usePlaceName();
  const weeks = useQueries({ queries: slugs.map(weekQuery) }).flatMap(({ data }, index): Week[] =>
    data?.interval === "hour"
      ? [{ slug: slugs[index] ?? "", city: data.city, start: Date.parse(data.start), end: Date.parse(data.end), points: data.points.filter(({ aqi }) => aqi !== null), simulated: data.simulated }]
      : [],
  );
  if (weeks.length === 0) return null;
  const highest = Math.max(0, ...weeks.flatMap(({ points }) => points.map(({ aqi }) => aqi ?? 0)));
  const max = [100, 200, 300, 400].find((limit) => highest <= limit) ?? 500;
  const sources = [...new Set(weeks.flatMap(({ points }) => points.flatMap(({ source }) => source ?? [])))].map(sourceName).join(", ");
  const kinds = [...new Set(weeks.flatMap(({ points, simulated }) => points.map((point) => basis(point.basis, simulated))))].join(", ");
  const times = [...new Set(weeks.flatMap(({ points }) => points.map(({ time }) => time)))].sort();
  const last = times.at(-1);
  const newest = last === undefined ? "–" : format.moment(last);
  const values = new Map(weeks.map(({ city, points }) => [city, new Map(points.map(({ time, aqi }) => [time, aqi]))]));
  return (
    <ChartFrame
      level={2}
      title={<Trans>The last 7 days, hour by hour</Trans>}
      note={
        <Trans>
          NAQI, no unit, on the same scale. Sources: {sources}; {kinds}. Newest hour: {newest}.
        </Trans>
      }
      rows={times}
      rowKey={(time) => time}
      columns={[
        { key: "hour", title: <Trans>Hour ending</Trans>, cell: (time) => format.moment(time) },
        ...weeks.map(({ city }) => ({
          key: city,
          title: placeName(city),
          numeric: true,
          cell: (time: string) => {
            const aqi = values.get(city)?.get(time);
            return aqi == null ? "–" : format.number(aqi);
          },
        })),
      ]}
    >
      <ul className="weeks">
        {weeks.map(({ slug, city, start, end, points }) => {
          const name = placeName(city);
          const indices = points.map(({ aqi }) => aqi ?? 0);
          const [low, high] = [format.number(Math.min(...indices)), format.number(Math.max(...indices))];
          return (
            <li key={city}>
              <h3>
                <Link href={`/city/${slug}`}>{name}</Link>
              </h3>
              {points.length === 0 ? (
                <EmptyState title={<Trans>No index in these days</Trans>}>
                  <Trans>Nothing was received, or too few hours for an index.</Trans>
                </EmptyState>
              ) : (
                <Plot label={t`${name}: AQI between ${low} and ${high}`} start={start} end={end} max={max} unit="AQI" height={160} categories>
                  {({ x, y }) => (
                    <path
                      className="line"
                      d={
                        line<HourPoint | null>()
                          .defined((point) => point !== null)
                          .x((point) => x(Date.parse(point?.time ?? "")))
                          .y((point) => y(point?.aqi ?? 0))(withGaps(points)) ?? ""
                      }
                    />
                  )}
                </Plot>
              )}
            </li>
          );
        })}
      </ul>
    </ChartFrame>
  );
}

/** A null wherever hours are missing, so that the line breaks there. */
function withGaps(points: HourPoint[]): (HourPoint | null)[] {
  return points.flatMap((point, index) => {
    const before = points[index - 1];
    const gap = before !== undefined && Date.parse(point.time) - Date.parse(before.time) > HOUR;
    return gap ? [null, point] : [point];
  });
}
