import { Trans, useLingui } from "@lingui/react/macro";
import { useDeferredValue } from "react";
import { Link } from "wouter";
import { AqiBadge } from "../../shared/aqi/Badge";
import { pollutantName } from "../../shared/aqi/pollutants";
import { Sparkline } from "../../shared/chart/Sparkline";
import { FavouriteButton } from "../../shared/FavouriteButton";
import { useOrigin } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { usePlaceName } from "../../shared/i18n/i18n";
import type { RankedCity } from "./select";

/** More than a phone shows; the rest follows in small steps between which the page answers. */
const FIRST = 6;

export function CityCards({ cities, simulated }: { cities: RankedCity[]; simulated: boolean }) {
  const shown = useDeferredValue(cities, cities.slice(0, FIRST));
  return (
    <ul className="cards">
      {shown.map((city) => (
        <li key={city.slug}>
          <CityCard city={city} simulated={simulated} />
        </li>
      ))}
    </ul>
  );
}

function CityCard({ city, simulated }: { city: RankedCity; simulated: boolean }) {
  const placeName = usePlaceName();
  const name = placeName(city.name);
  return (
    <article className="card" aria-label={name}>
      <div className="card-head">
        <h2>
          {city.rank === null ? null : <span className="rank">{city.rank}</span>}
          <Link href={`/city/${city.slug}`}>{name}</Link>
        </h2>
        <FavouriteButton slug={city.slug} city={name} />
      </div>
      {city.state === city.name ? null : <p className="quiet">{placeName(city.state)}</p>}
      <Latest city={city} simulated={simulated} />
      <Trend city={city} />
      <Outlook city={city} />
    </article>
  );
}

function Latest({ city, simulated }: { city: RankedCity; simulated: boolean }) {
  const format = useFormat();
  const origin = useOrigin();
  const now = useNow();
  if (city.latest === null) {
    return (
      <p className="no-value">
        <Trans>No index: no hour of the last days has enough measurements.</Trans>
      </p>
    );
  }
  const { aqi, timestamp, stale, dominant_pollutant: dominant } = city.latest;
  const age = format.relative(timestamp, now);
  return (
    <>
      <AqiBadge aqi={aqi} />
      <p className="quiet" data-stale={stale}>
        {stale ? (
          <strong>
            <Trans>Nothing new since {age}</Trans>
          </strong>
        ) : (
          age
        )}
        , {origin(city.latest, simulated)}
        {dominant === null ? null : (
          <>
            , <Trans>driven by {pollutantName(dominant)}</Trans>
          </>
        )}
      </p>
    </>
  );
}

function Trend({ city }: { city: RankedCity }) {
  const { t } = useLingui();
  const format = useFormat();
  if (city.trend === null) return null;
  const values = city.trend.aqi.filter((value) => value !== null);
  if (values.length < 2) return null;
  const [low, high] = [format.number(Math.min(...values)), format.number(Math.max(...values))];
  return (
    <p className="trend">
      <Sparkline values={city.trend.aqi} max={500} label={t`AQI of the last 24 hours, between ${low} and ${high}`} />
      <span className="quiet">
        <Trans>
          24 h: {low}–{high}
        </Trans>
      </span>
    </p>
  );
}

function Outlook({ city }: { city: RankedCity }) {
  const format = useFormat();
  if (city.forecast === null) {
    return (
      <p className="quiet">
        <Trans>No forecast in force: the last has run out, or there is too little history.</Trans>
      </p>
    );
  }
  const { peak, exceedance, stale, naive } = city.forecast;
  return (
    <dl className="outlook">
      <div>
        <dt>
          <Trans>Peak in 24 h</Trans>
        </dt>
        <dd>
          <strong>{format.number(peak.aqi)}</strong>{" "}
          <span className="quiet">
            ({format.number(peak.lower_80)}–{format.number(peak.upper_80)}), {format.clock(peak.time)}
          </span>
        </dd>
      </div>
      <div>
        <dt>
          <Trans>Above 200 / 300 / 400</Trans>
        </dt>
        <dd>{["200", "300", "400"].map((limit) => format.percent(exceedance?.[limit] ?? 0)).join(" / ")}</dd>
      </div>
      {stale ? (
        <div className="outlook-note">
          <dt>
            <Trans>Out of date</Trans>
          </dt>
          <dd>{format.relative(city.forecast.issued_at)}</dd>
        </div>
      ) : null}
      {naive ? (
        <div className="outlook-note">
          <dt>
            <Trans>Naive forecast</Trans>
          </dt>
          <dd>
            <Trans>too little history to learn from</Trans>
          </dd>
        </div>
      ) : null}
    </dl>
  );
}
