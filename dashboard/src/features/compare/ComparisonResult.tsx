import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { AqiBadge } from "../../shared/aqi/Badge";
import { POLLUTANT_KEYS, pollutantName } from "../../shared/aqi/pollutants";
import type { CityError, ComparedCity, Comparison } from "../../shared/api/schema";
import { DataTable } from "../../shared/chart/DataTable";
import { useBasis } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { Notice, SimulatedNotice } from "../../shared/state/states";
import { CategoryDays } from "./CategoryDays";
import { Weeks } from "./Weeks";

export function ComparisonResult({ comparison, slugs }: { comparison: Comparison; slugs: string[] }) {
  const format = useFormat();
  const start = format.fullMoment(comparison.start);
  const end = format.fullMoment(comparison.end);
  const note = (
    <Trans>
      {start} to {end}, Indian days. NAQI, no unit; the index of a day is the mean over its hours.
    </Trans>
  );
  return (
    <>
      {comparison.simulated ? <SimulatedNotice /> : null}
      {comparison.errors.map((error) => (
        <Unserved key={error.city} error={error} />
      ))}
      <h2>
        <Trans>The cities side by side</Trans>
      </h2>
      <Measures comparison={comparison} note={note} />
      <CategoryDays cities={comparison.cities} note={note} />
      <Weeks slugs={slugs} />
      <Concentrations comparison={comparison} note={note} />
    </>
  );
}

function Unserved({ error }: { error: CityError }) {
  const placeName = usePlaceName();
  const nearest = (error.nearest ?? []).map(placeName).join(", ");
  return (
    <Notice>
      {error.status === 404 && nearest !== "" ? (
        <Trans>
          “{error.city}” is none of the cities. Did you mean {nearest}?
        </Trans>
      ) : (
        <span lang="en">{error.detail}</span>
      )}
    </Notice>
  );
}

function Measures({ comparison, note }: { comparison: Comparison; note: ReactNode }) {
  const { t } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const basis = useBasis();
  const dated = (aqi: number | null, date: string | null) =>
    aqi === null ? "–" : `${format.number(aqi)}${date === null ? "" : ` (${format.dayAndMonth(`${date}T12:00:00+05:30`)})`}`;
  const kinds = (city: ComparedCity) =>
    Object.entries(city.basis)
      .filter(([, hours]) => hours > 0)
      .map(([kind, hours]) => {
        const name = basis(kind, comparison.simulated);
        const n = format.number(hours);
        return t`${name}: ${n} h`;
      })
      .join("; ");
  const expected = format.number(comparison.hours_expected);
  return (
    <>
      <DataTable
        caption={<Trans>Index of the cities</Trans>}
        rows={comparison.cities}
        rowKey={(city) => city.city}
        columns={[
          { key: "city", title: <Trans>City</Trans>, cell: (city) => placeName(city.city) },
          {
            key: "mean",
            title: <Trans>Mean index</Trans>,
            cell: (city) => (city.aqi_mean === null ? <Trans>no data</Trans> : <AqiBadge aqi={Math.round(city.aqi_mean)} />),
          },
          { key: "worst", title: <Trans>Worst day</Trans>, numeric: true, cell: (city) => dated(city.aqi_max, city.aqi_max_date) },
          { key: "best", title: <Trans>Best day</Trans>, numeric: true, cell: (city) => dated(city.aqi_min, city.aqi_min_date) },
          { key: "hour", title: <Trans>Highest hour</Trans>, numeric: true, cell: (city) => dated(city.aqi_highest_hour, null) },
          {
            key: "hours",
            title: <Trans>Hours of {expected}</Trans>,
            numeric: true,
            cell: (city) => format.number(city.hours),
          },
          { key: "basis", title: <Trans>Basis</Trans>, cell: kinds },
        ]}
      />
      <p className="quiet">{note}</p>
    </>
  );
}

function Concentrations({ comparison, note }: { comparison: Comparison; note: ReactNode }) {
  const format = useFormat();
  const placeName = usePlaceName();
  const keys = POLLUTANT_KEYS.filter((key) => comparison.cities.some((city) => city.pollutants[key] !== undefined));
  return (
    <>
      <DataTable
        caption={<Trans>Mean concentrations over all hours</Trans>}
        rows={comparison.cities}
        rowKey={(city) => city.city}
        columns={[
          { key: "city", title: <Trans>City</Trans>, cell: (city) => placeName(city.city) },
          ...keys.map((key) => ({
            key,
            title: `${pollutantName(key)}, ${comparison.units[key] ?? ""}`,
            numeric: true,
            cell: (city: ComparedCity) => {
              const mean = city.pollutants[key];
              return mean === undefined ? "–" : format.number(mean, mean < 10 ? 2 : 1);
            },
          })),
        ]}
      />
      <p className="quiet">
        {note} <Trans>Hours and basis of each city are in the first table.</Trans>
      </p>
    </>
  );
}
