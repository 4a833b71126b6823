import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "wouter";
import { categoryOf, useCategoryName } from "../../shared/aqi/categories";
import { RampLegend } from "../../shared/aqi/Legend";
import { useOrigin } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { usePlaceName } from "../../shared/i18n/i18n";
import type { RankedCity } from "./select";

/** All cities on one screen, coloured by the ramp. */
export function CityTiles({ cities, simulated }: { cities: RankedCity[]; simulated: boolean }) {
  const describe = useDescription(simulated);
  const placeName = usePlaceName();
  const format = useFormat();
  const now = useNow();
  return (
    <>
      <RampLegend noIndex />
      <ul className="tiles">
        {cities.map((city) => (
          <li key={city.slug}>
            <Link
              href={`/city/${city.slug}`}
              className="tile"
              data-ramp={city.latest === null ? "none" : categoryOf(city.latest.aqi).key}
              title={describe(city)}
            >
              <span className="tile-name">{placeName(city.name)}</span>
              {city.latest?.stale === true ? <span className="tile-age">{format.relative(city.latest.timestamp, now)}</span> : null}
              <span className="tile-value">{city.latest === null ? <Trans>no index</Trans> : format.number(city.latest.aqi)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}

/** "Delhi: AQI 356, Very Poor, 12 minutes ago, CPCB, measured at stations"; "Delhi: no index" */
export function useDescription(simulated: boolean): (city: RankedCity) => string {
  const { t } = useLingui();
  const format = useFormat();
  const origin = useOrigin();
  const category = useCategoryName();
  const placeName = usePlaceName();
  const now = useNow();
  return (city) => {
    const name = placeName(city.name);
    if (city.latest === null) return t`${name}: no index`;
    const { aqi, timestamp, stale } = city.latest;
    const ago = format.relative(timestamp, now);
    const age = stale ? t`nothing new since ${ago}` : ago;
    return `${name}: AQI ${format.number(aqi)}, ${category(categoryOf(aqi))}, ${age}, ${origin(city.latest, simulated)}`;
  };
}
