import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { CATEGORIES, useCategoryName } from "../../shared/aqi/categories";
import { RampLegend } from "../../shared/aqi/Legend";
import type { ComparedCity } from "../../shared/api/schema";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";

/** How many days each city had in each category, as one bar a city. */
export function CategoryDays({ cities, note }: { cities: ComparedCity[]; note: ReactNode }) {
  const { t } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const categoryName = useCategoryName();
  const days = (city: ComparedCity, name: string) => city.category_days[name] ?? 0;
  const summary = (city: ComparedCity) =>
    CATEGORIES.filter(({ name }) => days(city, name) > 0)
      .map(({ name }) => `${categoryName(name)} ${format.number(days(city, name))}`)
      .join(", ");
  return (
    <ChartFrame
      level={2}
      title={<Trans>Days in each category</Trans>}
      note={note}
      legend={<RampLegend />}
      rows={cities}
      rowKey={(city) => city.city}
      columns={[
        { key: "city", title: <Trans>City</Trans>, cell: (city) => placeName(city.city) },
        ...CATEGORIES.map(({ key, name }) => ({
          key,
          title: categoryName(name),
          numeric: true,
          cell: (city: ComparedCity) => format.number(days(city, name)),
        })),
      ]}
    >
      <ul className="category-days">
        {cities.map((city) => {
          const name = placeName(city.city);
          const text = summary(city);
          const total = Math.max(1, city.days);
          let before = 0;
          return (
            <li key={city.city}>
              <span>{name}</span>
              {text === "" ? (
                <span className="quiet">
                  <Trans>no day with an index</Trans>
                </span>
              ) : (
                <svg viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" aria-label={t`${name}, days: ${text}`}>
                  {CATEGORIES.map(({ key, name: category }) => {
                    const width = (days(city, category) * 1000) / total;
                    const x = before;
                    before += width;
                    return width === 0 ? null : <rect key={key} data-ramp={key} x={x} y="0" width={width} height="24" />;
                  })}
                </svg>
              )}
            </li>
          );
        })}
      </ul>
    </ChartFrame>
  );
}
