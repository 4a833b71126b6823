import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { Cell } from "../../shared/api/schema";
import { DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState } from "../../shared/state/states";
import { apiAddress, type Filters, LEADS, SEASONS } from "./filters";
import { cityQuery } from "./queries";
import { SkillCell, SkillKey } from "./Skill";
import { useRivalName, useSeasonName } from "./words";

/** One city: skill by lead time and season, and the chosen cell with every rival on the same hours. */
export function CityCells({ city, filters }: { city: string; filters: Filters }) {
  return (
    <Loaded query={useQuery(cityQuery(city, filters.target, filters.mode))}>
      {({ cells, unit }) => {
        if (cells.length === 0) {
          return (
            <EmptyState title={<Trans>Nothing is recorded of this city yet</Trans>}>
              <Trans>The record begins when the day after its first forecast is over and its hours have been measured.</Trans>
            </EmptyState>
          );
        }
        const ofLead = cells.filter((cell) => cell.lead === filters.lead);
        const chosen = ofLead.find((cell) => cell.season === filters.season) ?? ofLead.toSorted((a, b) => b.n - a.n)[0];
        return (
          <>
            <SkillKey />
            <Grid cells={cells} filters={filters} />
            {chosen === undefined ? null : <Detail city={city} cell={chosen} unit={unit} filters={filters} />}
          </>
        );
      }}
    </Loaded>
  );
}

function Grid({ cells, filters }: { cells: Cell[]; filters: Filters }) {
  const seasonName = useSeasonName();
  const seasons = SEASONS.filter((season) => cells.some((cell) => cell.season === season));
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-scroll" role="region" aria-labelledby="city-caption" tabIndex={0}>
      <table>
        <caption>
            <span id="city-caption">
            <Trans>Skill against the best naive forecast</Trans>
            </span>
          </caption>
        <thead>
          <tr>
            <th scope="col">
              <Trans>Lead time</Trans>
            </th>
            {seasons.map((season) => (
              <th key={season} scope="col">
                {seasonName(season)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {LEADS.map((lead) => (
            <tr key={lead} aria-current={lead === filters.lead ? "true" : undefined}>
              <th scope="row">
                <Trans>{lead} h ahead</Trans>
              </th>
              {seasons.map((season) => (
                <SkillCell key={season} cell={cells.find((cell) => cell.lead === lead && cell.season === season)} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Row {
  name: string;
  n: number;
  mae: number;
  ours: number;
  skill: number | null;
  low: number | null;
  high: number | null;
}

function Detail({ city, cell, unit, filters }: { city: string; cell: Cell; unit: string; filters: Filters }) {
  const format = useFormat();
  const seasonName = useSeasonName();
  const rivalName = useRivalName();
  const { signed } = format;
  const season = seasonName(cell.season);
  const { lead } = cell;
  const rows: Row[] = [
    ...Object.entries(cell.naive_mae).map(([name, mae]) => ({
      name,
      n: cell.n,
      mae,
      ours: cell.mae,
      skill: mae > 0 ? 1 - cell.mae / mae : null,
      low: name === cell.best_naive ? cell.skill_low : null,
      high: name === cell.best_naive ? cell.skill_high : null,
    })),
    ...cell.providers.map((provider) => ({
      name: provider.provider,
      n: provider.n,
      mae: provider.mae,
      ours: provider.our_mae,
      skill: provider.our_skill,
      low: provider.our_skill_low,
      high: provider.our_skill_high,
    })),
  ];
  const [first, last] = [format.date(cell.first_day), format.date(cell.last_day)];
  const n = format.number(cell.n);
  const days = format.number(cell.days);
  const mae = `${format.number(cell.mae, 1)} ${unit}`;
  const rmse = `${format.number(cell.rmse, 1)} ${unit}`;
  const bias = `${cell.bias < 0 ? "−" : "+"}${format.number(Math.abs(cell.bias), 1)} ${unit}`;
  const within80 = format.percent(cell.coverage_80, 1);
  const within95 = format.percent(cell.coverage_95, 1);
  const width80 = `${format.number(cell.width_80)} ${unit}`;
  const width95 = `${format.number(cell.width_95)} ${unit}`;
  const query = { target: filters.target, mode: filters.mode, lead, season: cell.season };
  return (
    <>
      <h3>
        <Trans>
          {season}, {lead} h ahead
        </Trans>
      </h3>
      <p>
        <Trans>
          {n} hours on {days} days, {first} to {last}. Mean absolute error {mae}, root mean square error {rmse}, mean error {bias}{" "}
          (forecast minus truth).
        </Trans>
      </p>
      <p>
        <Trans>
          {within80} of the truth came within the 80% interval, which was {width80} wide in the mean; {within95} within the 95% interval of{" "}
          {width95}.
        </Trans>
      </p>
      <DataTable
        caption={<Trans>Ours beside each rival, on the same hours</Trans>}
        rows={rows}
        rowKey={(row) => row.name}
        columns={[
          { key: "name", title: <Trans>Rival</Trans>, cell: (row) => rivalName(row.name) },
          { key: "mae", title: <Trans>Its error, {unit}</Trans>, numeric: true, cell: (row) => format.number(row.mae, 1) },
          { key: "ours", title: <Trans>Ours, {unit}</Trans>, numeric: true, cell: (row) => format.number(row.ours, 1) },
          { key: "skill", title: <Trans>Our skill</Trans>, numeric: true, cell: (row) => signed(row.skill) },
          {
            key: "interval",
            title: <Trans>95% interval</Trans>,
            numeric: true,
            cell: (row) => (row.low === null || row.high === null ? "–" : `${signed(row.low)} … ${signed(row.high)}`),
          },
          { key: "n", title: <Trans>Hours</Trans>, numeric: true, cell: (row) => format.number(row.n) },
        ]}
      />
      <p>
        <Trans>
          These figures: <a href={apiAddress(`scores/${city}`, query)}>JSON</a>,{" "}
          <a href={apiAddress(`scores/${city}`, { ...query, format: "csv" })}>CSV</a>; day by day:{" "}
          <a href={apiAddress(`days/${city}`, query)}>JSON</a>, <a href={apiAddress(`days/${city}`, { ...query, format: "csv" })}>CSV</a>.
        </Trans>
      </p>
    </>
  );
}
