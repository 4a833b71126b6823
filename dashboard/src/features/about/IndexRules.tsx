import { Trans } from "@lingui/react/macro";
import { CATEGORIES, useCategoryName } from "../../shared/aqi/categories";
import { POLLUTANT_KEYS, pollutantName } from "../../shared/aqi/pollutants";
import { DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { NAQI_ENDS } from "./naqi";

export function IndexRules() {
  const format = useFormat();
  const categoryName = useCategoryName();
  const rows = CATEGORIES.map((category, index) => ({ category, index, lower: index === 0 ? 0 : (CATEGORIES[index - 1]?.upper ?? 0) + 1 }));
  return (
    <section>
      <h2 id="index">
        <Trans>The index</Trans>
      </h2>
      <p>
        <Trans>
          The usual index is India's NAQI (CPCB, 2014), from 0 to 500 without a unit. Each pollutant has a sub-index, read off its mean of
          24 hours, of CO and O₃ of 8 hours. The highest sub-index is the index; its pollutant is called dominant.
        </Trans>
      </p>
      <DataTable
        caption={<Trans>Concentrations that end each band: µg/m³, CO in mg/m³; straight lines between them</Trans>}
        rows={rows}
        rowKey={({ category }) => category.key}
        columns={[
          { key: "category", title: <Trans>Category</Trans>, cell: ({ category }) => <span className="badge" data-category={category.key}>{categoryName(category)}</span> },
          { key: "index", title: <Trans>Index</Trans>, numeric: true, cell: ({ category, lower }) => `${format.number(lower)}–${format.number(category.upper)}` },
          ...POLLUTANT_KEYS.map((key) => {
            const hours = format.number(NAQI_ENDS[key].hours);
            return {
              key,
              title: (
                <>
                  {pollutantName(key)}
                  <br />
                  <span className="quiet">
                    <Trans>{hours} h</Trans>
                  </span>
                </>
              ),
              numeric: true,
              cell: ({ index }: { index: number }) => format.number(NAQI_ENDS[key].ends[index] ?? 0),
            };
          }),
        ]}
      />
      <ul className="bullets">
        <li>
          <Trans>
            A sub-index needs 16 of 24 hours, or 6 of 8. An index needs three sub-indices, one of them PM2.5 or PM10. Otherwise it is
            withheld, and the page says why: missing is never 0.
          </Trans>
        </li>
        <li>
          <Trans>Ozone above 208 µg/m³ is read off its latest hour. Everything is capped at 500, where the scale ends.</Trans>
        </li>
        <li>
          <Trans>A city's index is the mean of its stations' indices. A station's doubtful values carry flags; a few are left out, and named.</Trans>
        </li>
      </ul>
      <p>
        <Trans>
          The index of the United States (EPA, breakpoints of May 2024) can be chosen for the files of the data page and in the API. It weighs recent hours of PM by NowCast and
          has categories of its own, from Good to Hazardous; the same air often has another number there. Forecasts are of the Indian index.
        </Trans>
      </p>
    </section>
  );
}
