import { Trans } from "@lingui/react/macro";
import { Link } from "wouter";
import { AqiBadge } from "../../shared/aqi/Badge";
import { DataTable } from "../../shared/chart/DataTable";
import { FavouriteButton } from "../../shared/FavouriteButton";
import { useOrigin } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { usePlaceName } from "../../shared/i18n/i18n";
import type { RankedCity } from "./select";

export function CityList({ cities, simulated }: { cities: RankedCity[]; simulated: boolean }) {
  const format = useFormat();
  const origin = useOrigin();
  const now = useNow();
  const placeName = usePlaceName();
  const chance = (city: RankedCity, limit: string) => {
    const probability = city.forecast?.exceedance?.[limit];
    return probability === undefined ? "–" : format.percent(probability);
  };
  return (
    <DataTable
      caption={<Trans>Cities, latest index and forecast</Trans>}
      rows={cities}
      rowKey={(city) => city.slug}
      columns={[
        {
          key: "city",
          title: <Trans>City</Trans>,
          cell: (city) => (
            <span className="list-city">
              <FavouriteButton slug={city.slug} city={placeName(city.name)} />
              {city.rank === null ? null : <span className="rank">{city.rank}</span>}
              <Link href={`/city/${city.slug}`}>{placeName(city.name)}</Link>
            </span>
          ),
        },
        { key: "state", title: <Trans>State</Trans>, cell: (city) => placeName(city.state) },
        {
          key: "now",
          title: <Trans>Index now</Trans>,
          cell: (city) => (city.latest === null ? <Trans>none</Trans> : <AqiBadge aqi={city.latest.aqi} />),
        },
        {
          key: "age",
          title: <Trans>Age, source, basis</Trans>,
          cell: (city) => {
            if (city.latest === null) return "–";
            const age = format.relative(city.latest.timestamp, now);
            return (
              <>
                {city.latest.stale ? (
                  <strong>
                    <Trans>Nothing new since {age}</Trans>
                  </strong>
                ) : (
                  age
                )}
                , {origin(city.latest, simulated)}
              </>
            );
          },
        },
        {
          key: "peak",
          title: <Trans>Peak in 24 h (80% interval)</Trans>,
          numeric: true,
          cell: (city) =>
            city.forecast === null
              ? "–"
              : `${format.number(city.forecast.peak.aqi)} (${format.number(city.forecast.peak.lower_80)}–${format.number(city.forecast.peak.upper_80)})`,
        },
        { key: "200", title: <Trans>Above 200</Trans>, numeric: true, cell: (city) => chance(city, "200") },
        { key: "300", title: <Trans>Above 300</Trans>, numeric: true, cell: (city) => chance(city, "300") },
        { key: "400", title: <Trans>Above 400</Trans>, numeric: true, cell: (city) => chance(city, "400") },
      ]}
    />
  );
}
