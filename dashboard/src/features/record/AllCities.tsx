import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "wouter";
import type { ScoreTable } from "../../shared/api/schema";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { type Filters, SEASONS, type Season, slugOf } from "./filters";
import { type Scored, SkillCell, SkillKey } from "./Skill";
import { useSeasonName } from "./words";

/** City → season → its cell, of one lead time. */
function cellsOf({ cells }: ScoreTable, lead: number): Map<string, Map<Season, Scored>> {
  const cities = new Map<string, Map<Season, Scored>>();
  cells.city.forEach((city, index) => {
    const season = cells.season[index];
    if (cells.lead[index] !== lead || season === undefined) return;
    const bySeason = cities.get(city) ?? new Map<Season, Scored>();
    cities.set(city, bySeason);
    bySeason.set(season, {
      n: cells.n[index] ?? 0,
      enough: cells.enough[index] ?? false,
      skill: cells.skill[index] ?? null,
      skill_low: cells.skill_low[index] ?? null,
      skill_high: cells.skill_high[index] ?? null,
    });
  });
  return cities;
}

/** All cities at one lead time, by season. */
export function AllCities({ table, filters }: { table: ScoreTable; filters: Filters }) {
  const { t } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const seasonName = useSeasonName();
  const cells = cellsOf(table, filters.lead);
  const seasons = SEASONS.filter((season) => filters.season === null || filters.season === season);
  const cities = [...cells].toSorted(([a], [b]) => format.compare(placeName(a), placeName(b)));
  const lead = filters.lead;
  const address = (city: string, season: Season) => {
    const { target, mode } = filters;
    return `/record?${new URLSearchParams({ city: slugOf(city), target, lead: String(lead), season, ...(mode === null ? {} : { mode }) })}`;
  };
  return (
    <>
      <SkillKey />
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="table-scroll" role="region" aria-labelledby="scores-caption" tabIndex={0}>
        <table>
          <caption>
            <span id="scores-caption">
              <Trans>Skill against the best naive forecast, {lead} h ahead</Trans>
            </span>
          </caption>
          <thead>
            <tr>
              <th scope="col">
                <Trans>City</Trans>
              </th>
              {seasons.map((season) => (
                <th key={season} scope="col">
                  {seasonName(season)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {cities.map(([city, bySeason]) => (
              <tr key={city}>
                <th scope="row">{placeName(city)}</th>
                {seasons.map((season) => {
                  const name = placeName(city);
                  const inSeason = seasonName(season);
                  return (
                    <SkillCell key={season} cell={bySeason.get(season)}>
                      {(text) => (
                        <Link href={address(city, season)} aria-label={t`${text}: ${name}, ${inSeason}`}>
                          {text}
                        </Link>
                      )}
                    </SkillCell>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
