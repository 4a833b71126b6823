import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { AqiBadge } from "../../shared/aqi/Badge";
import { categoryOf } from "../../shared/aqi/categories";
import { RampLegend } from "../../shared/aqi/Legend";
import { usePlaceName } from "../../shared/i18n/i18n";
import { useDescription } from "./CityTiles";
import outline from "./outline.json";
import { project } from "./projection";
import type { RankedCity } from "./select";

const RADIUS = 7;
/** Cities that are listed beside the map. */
const FIRST = 10;

/** The cities on the outline of India. A point shows its city below the map when pointed at, touched or focused; click, Enter or the link there opens it. */
export default function CityMap({ cities, simulated }: { cities: RankedCity[]; simulated: boolean }) {
  const { t } = useLingui();
  const [, navigate] = useLocation();
  const describe = useDescription(simulated);
  const placeName = usePlaceName();
  const [chosen, setChosen] = useState<string | null>(null);
  const city = cities.find((candidate) => candidate.slug === chosen);
  return (
    <div className="map">
      <RampLegend noIndex />
      <svg viewBox={outline.viewBox} role="group" aria-label={t`Map of India with ${cities.length} cities`}>
        {/* Stroked first and filled after: only the outer line stays. */}
        <path className="map-coast" d={outline.path} />
        <path className="map-land" d={outline.path} />
        {cities.toReversed().map((candidate) => {
          const { x, y } = project(candidate.latitude, candidate.longitude);
          const href = `/city/${candidate.slug}`;
          return (
            <a
              key={candidate.slug}
              href={href}
              className="map-city"
              aria-label={describe(candidate)}
              data-chosen={candidate.slug === chosen}
              onFocus={() => setChosen(candidate.slug)}
              onPointerEnter={() => setChosen(candidate.slug)}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                const touched = event.nativeEvent instanceof PointerEvent && event.nativeEvent.pointerType === "touch";
                if (touched) setChosen(candidate.slug);
                else navigate(href);
              }}
            >
              <circle cx={x} cy={y} r={RADIUS} data-ramp={candidate.latest === null ? "none" : categoryOf(candidate.latest.aqi).key} />
            </a>
          );
        })}
      </svg>
      {/* No live region: what has the focus is read by its own label. */}
      <div className="map-side">
        <div className="map-panel">
          {city === undefined ? (
            <p className="quiet">
              <Trans>Point at a city, touch it, or move through the cities with the Tab key. The list shows the same values.</Trans>
            </p>
          ) : (
            <>
              <p>
                <Link href={`/city/${city.slug}`}>{placeName(city.name)}</Link>{" "}
                {city.latest === null ? <Trans>No index</Trans> : <AqiBadge aqi={city.latest.aqi} />}
              </p>
              <p className="quiet">{describe(city)}</p>
            </>
          )}
        </div>
        <ol className="map-first" aria-label={t`The first of the order chosen`}>
          {cities.slice(0, FIRST).map((candidate) => (
            <li key={candidate.slug} onPointerEnter={() => setChosen(candidate.slug)}>
              <Link href={`/city/${candidate.slug}`} onFocus={() => setChosen(candidate.slug)}>
                {placeName(candidate.name)}
              </Link>
              {candidate.latest === null ? <Trans>No index</Trans> : <AqiBadge aqi={candidate.latest.aqi} />}
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}
