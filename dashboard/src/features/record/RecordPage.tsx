import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useNameOfSlug, usePlaceName } from "../../shared/i18n/i18n";
import { PageTitle } from "../../shared/PageTitle";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState, Notice, SimulatedNotice } from "../../shared/state/states";
import { useFormat } from "../../shared/format/format";
import type { ScoreTable } from "../../shared/api/schema";
import { useChoice } from "../../shared/useChoice";
import { CityCells } from "./CityCells";
import { FilterControls } from "./FilterControls";
import { type Filters, filtersOf, slugOf } from "./filters";
import { LossesSection } from "./LossesSection";
import { Method } from "./Method";
import { PlumeSection } from "./PlumeSection";
import { tableQuery } from "./queries";
import { ReliabilitySection } from "./ReliabilitySection";
import { AllCities } from "./AllCities";
import { WarningsSection } from "./WarningsSection";
import "./record.css";

export default function RecordPage() {
  const { t } = useLingui();
  const [params, choose] = useChoice();
  const filters = filtersOf(params);
  const table = useQuery(tableQuery(filters.target, filters.mode));
  return (
    <>
      <PageTitle>{t`The record: what was issued, what came`}</PageTitle>
      <p>
        <Trans>
          Every forecast is kept as it was issued and compared with what came. Nothing is left out because it went wrong: where others do
          better, it stands here too.
        </Trans>
      </p>
      <Loaded query={table}>
        {(data) => (
          <div className="record-page">
            <FilterControls filters={filters} modes={data.modes} cities={[...new Set(data.cells.city)]} onChoose={choose} />
            <Basis table={data} />
            {data.count === 0 ? (
              <EmptyState title={<Trans>Nothing is recorded yet</Trans>}>
                <Trans>
                  The record begins when the day after the first forecast is over and its hours have been measured. Who has imported
                  measurements can fill it at once: <code>vayu replay</code>.
                </Trans>
              </EmptyState>
            ) : (
              <Parts table={data} filters={filters} />
            )}
            <Method filters={filters} />
          </div>
        )}
      </Loaded>
    </>
  );
}

/** Whose record this is: when, of what, and whether anything of it is real. */
function Basis({ table }: { table: ScoreTable }) {
  const format = useFormat();
  if (table.first_day === null || table.last_day === null) return table.simulated ? <SimulatedNotice /> : null;
  const first = format.date(table.first_day);
  const last = format.date(table.last_day);
  return (
    <>
      {table.simulated ? <SimulatedNotice /> : null}
      {table.mode === "replay" ? (
        <Notice kind="info">
          <Trans>
            A replay of history: forecasts made afterwards by the same code, from nothing but what was known at the time. They warned nobody.
          </Trans>
        </Notice>
      ) : null}
      <p className="quiet">
        <Trans>
          Hours from {first} to {last}, Indian days. Errors in {table.unit}.
        </Trans>
      </p>
    </>
  );
}

function Parts({ table, filters }: { table: ScoreTable; filters: Filters }) {
  const placeName = usePlaceName();
  const nameOfSlug = useNameOfSlug();
  const slug = filters.city === null ? null : slugOf(filters.city);
  const name = table.cells.city.find((candidate) => slugOf(candidate) === slug);
  const place = name !== undefined ? placeName(name) : slug === null ? null : nameOfSlug(slug);
  return (
    <>
      <LossesSection filters={filters} />
      <section aria-labelledby="scores">
        <h2 id="scores">
          {place === null ? <Trans>Skill by city and season</Trans> : <Trans>Skill in {place}, by lead time and season</Trans>}
        </h2>
        {filters.city === null ? <AllCities table={table} filters={filters} /> : <CityCells city={filters.city} filters={filters} />}
      </section>
      <ReliabilitySection filters={filters} place={place} />
      <WarningsSection filters={filters} place={place} />
      <PlumeSection filters={filters} place={place} />
    </>
  );
}
