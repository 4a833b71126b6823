import { Trans, useLingui } from "@lingui/react/macro";
import { useFormat } from "./format/format";
import { useNameOfSlug, usePlaceName } from "./i18n/i18n";

interface Props {
  /** The slug of the chosen city; null: all. */
  city: string | null;
  target: string;
  /** To choose from, by the API's names. */
  cities: { slug: string; name: string }[];
  onChoose: (name: "city" | "target", value: string) => void;
}

/** Choice of a city, or all, and of what is forecast. */
export function CityAndTarget({ city, target, cities, onChoose }: Props) {
  const { t } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const nameOfSlug = useNameOfSlug();
  const sorted = cities.map(({ slug, name }) => ({ slug, name: placeName(name) })).toSorted((a, b) => format.compare(a.name, b.name));
  return (
    <>
      <label>
        <Trans>City</Trans>
        <select value={city ?? ""} onChange={(event) => onChoose("city", event.target.value)}>
          <option value="">{t`All cities`}</option>
          {city === null || sorted.some(({ slug }) => slug === city) ? null : <option value={city}>{nameOfSlug(city)}</option>}
          {sorted.map(({ slug, name }) => (
            <option key={slug} value={slug}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <Trans>Forecast of</Trans>
        <select value={target} onChange={(event) => onChoose("target", event.target.value)}>
          <option value="aqi">{t`Index (NAQI)`}</option>
          <option value="pm25">PM2.5</option>
        </select>
      </label>
    </>
  );
}
