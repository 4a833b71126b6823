import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { citiesQuery } from "../../shared/api/cities";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { MOST } from "./ComparePage";

interface Props {
  slugs: string[];
  onChange: (slugs: string[]) => void;
}

/** The cities chosen, each with a button that takes it away, and a list to add from. */
export function CityPicker({ slugs, onChange }: Props) {
  const { t } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const cities = useQuery(citiesQuery).data?.cities ?? [];
  const nameOf = (slug: string) => placeName(cities.find((city) => city.slug === slug)?.name ?? slug);
  const others = cities
    .filter((city) => !slugs.includes(city.slug))
    .toSorted((a, b) => format.compare(placeName(a.name), placeName(b.name)));
  return (
    <div className="picker">
      <label>
        <span className="picker-label">
          <Trans>Add a city</Trans>
        </span>
        <select value="" disabled={slugs.length >= MOST} onChange={({ target }) => onChange([...slugs, target.value])}>
          <option value="" disabled>
            {slugs.length >= MOST ? t`Ten cities are the most` : t`Choose …`}
          </option>
          {others.map((city) => (
            <option key={city.slug} value={city.slug}>
              {placeName(city.name)}
            </option>
          ))}
        </select>
      </label>
      <ul aria-label={t`Chosen cities`}>
        {slugs.map((slug) => {
          const name = nameOf(slug);
          return (
            <li key={slug}>
              <button type="button" aria-label={t`Remove ${name}`} onClick={() => onChange(slugs.filter((other) => other !== slug))}>
                {name} <span aria-hidden="true">×</span>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
