import { Trans, useLingui } from "@lingui/react/macro";
import { CityAndTarget } from "../../shared/CityAndTarget";
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
  const seasonName = useSeasonName();
  const city = filters.city === null ? null : slugOf(filters.city);
  const named = cities.map((name) => ({ slug: slugOf(name), name }));
  return (
    <div className="controls">
      <CityAndTarget city={city} target={filters.target} cities={named} onChoose={onChoose} />
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
