import { Trans, useLingui } from "@lingui/react/macro";
import { useFormat } from "../../shared/format/format";
import { useNameOfSlug, usePlaceName } from "../../shared/i18n/i18n";
import { type Filters, LEADS, type Mode, SEASONS, slugOf } from "./filters";
import { useSeasonName } from "./words";

interface Props {
  filters: Filters;
  /** Of which there is a record. */
  modes: Mode[];
  cities: string[];
  onChoose: (name: keyof Filters, value: string) => void;
}

/** Which part of the record is shown. */
export function FilterControls({ filters, modes, cities, onChoose }: Props) {
  const { t } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const nameOfSlug = useNameOfSlug();
  const seasonName = useSeasonName();
  const sorted = cities.map((city) => ({ slug: slugOf(city), name: placeName(city) })).toSorted((a, b) => format.compare(a.name, b.name));
  const city = filters.city === null ? "" : slugOf(filters.city);
  return (
    <div className="controls">
      <label>
        <Trans>City</Trans>
        <select value={city} onChange={({ target }) => onChoose("city", target.value)}>
          <option value="">{t`All cities`}</option>
          {city === "" || sorted.some(({ slug }) => slug === city) ? null : <option value={city}>{nameOfSlug(city)}</option>}
          {sorted.map(({ slug, name }) => (
            <option key={slug} value={slug}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <Trans>Forecast of</Trans>
        <select value={filters.target} onChange={({ target }) => onChoose("target", target.value)}>
          <option value="aqi">{t`Index (NAQI)`}</option>
          <option value="pm25">PM2.5</option>
        </select>
      </label>
      <label>
        <Trans>Lead time</Trans>
        <select value={filters.lead} onChange={({ target }) => onChoose("lead", target.value)}>
          {LEADS.map((lead) => (
            <option key={lead} value={lead}>
              {t`${lead} h ahead`}
            </option>
          ))}
        </select>
      </label>
      <label>
        <Trans>Season</Trans>
        <select value={filters.season ?? ""} onChange={({ target }) => onChoose("season", target.value)}>
          <option value="">{t`All seasons`}</option>
          {SEASONS.map((season) => (
            <option key={season} value={season}>
              {seasonName(season)}
            </option>
          ))}
        </select>
      </label>
      {modes.length > 1 || filters.mode !== null ? (
        <label>
          <Trans>Record</Trans>
          <select value={filters.mode ?? ""} onChange={({ target }) => onChoose("mode", target.value)}>
            <option value="">{t`What there is`}</option>
            <option value="live">{t`Live`}</option>
            <option value="replay">{t`Replay of history`}</option>
          </select>
        </label>
      ) : null}
    </div>
  );
}
