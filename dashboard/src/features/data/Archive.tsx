import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError } from "../../shared/api/errors";
import { POLLUTANT_KEYS, pollutantName } from "../../shared/aqi/pollutants";
import { DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { usePlaceName } from "../../shared/i18n/i18n";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState, SimulatedNotice } from "../../shared/state/states";
import {
  type ArchiveChoice,
  archiveFaultOf,
  type ArchiveFault,
  type ArchiveRow,
  citiesOf,
  csvOf,
  type Manifest,
  unitOf,
} from "./archiveChoice";
import { EARLIEST, indianDate } from "./choice";
import { archiveQuery, manifestQuery } from "./queries";

const SHOWN = 10;
const DAY = 86_400_000;
const FAULTS: Record<ArchiveFault, ReturnType<typeof msg>> = {
  date: msg`Give both dates.`,
  order: msg`The first day must not be after the last.`,
  early: msg`There are no data before 1 January 2000.`,
};

/** The archive of open data, read in the page. It and what reads it are fetched once the reader wants it. */
export function Archive() {
  const [open, setOpen] = useState(false);
  const manifest = useQuery(manifestQuery(open));
  return (
    <section className="section" aria-labelledby="archive">
      <h2 id="archive">
        <Trans>The archive, read in the page</Trans>
      </h2>
      <p className="quiet">
        <Trans>
          All hours as Parquet files that never change, brought up to date once a day. This page fetches only the months and columns that
          you choose; nothing is computed on the server.
        </Trans>
      </p>
      {open ? (
        manifest.error instanceof ApiError && manifest.error.kind === "not-found" ? (
          <EmptyState title={<Trans>This service publishes no archive</Trans>}>
            <Trans>Its operator has not set one up. Take the hours from above.</Trans>
          </EmptyState>
        ) : (
          <Loaded query={manifest}>{(loaded) => <Opened manifest={loaded} />}</Loaded>
        )
      ) : (
        <p className="actions">
          <button type="button" onClick={() => setOpen(true)}>
            <Trans>Open the archive</Trans>
          </button>
        </p>
      )}
    </section>
  );
}

function Opened({ manifest }: { manifest: Manifest }) {
  const format = useFormat();
  const cities = citiesOf(manifest);
  const moment = format.fullMoment(manifest.created_at);
  if (manifest.format !== "parquet") {
    const kind = manifest.format.toUpperCase();
    return (
      <EmptyState title={<Trans>The archive here is {kind}</Trans>}>
        <Trans>Only an archive of Parquet files can be read in the page.</Trans>
      </EmptyState>
    );
  }
  if (cities.length === 0) {
    return (
      <EmptyState title={<Trans>The archive has no hours yet</Trans>}>
        <Trans>It is brought up to date once a day.</Trans>
      </EmptyState>
    );
  }
  return (
    <>
      {manifest.simulated ? <SimulatedNotice /> : null}
      <p className="quiet">
        <Trans>Brought up to date {moment}.</Trans>
      </p>
      <Reader manifest={manifest} cities={cities} />
    </>
  );
}

function Reader({ manifest, cities }: { manifest: Manifest; cities: string[] }) {
  const { i18n } = useLingui();
  const now = useNow();
  const [choice, setChoice] = useState<ArchiveChoice>(() => ({
    city: cities.includes("Delhi") ? "Delhi" : (cities[0] ?? ""),
    column: "pm25",
    from: indianDate(now - 7 * DAY),
    to: indianDate(now),
  }));
  const [wanted, setWanted] = useState<ArchiveChoice | null>(null);
  const fault = archiveFaultOf(choice);
  const choose = (part: Partial<ArchiveChoice>) => setChoice((before) => ({ ...before, ...part }));
  return (
    <>
      <form
        className="controls"
        onSubmit={(event) => {
          event.preventDefault();
          if (fault === null) setWanted(choice);
        }}
      >
        <Fields choice={choice} fault={fault} cities={cities} choose={choose} />
        <button type="submit" disabled={fault !== null}>
          <Trans>Read</Trans>
        </button>
        {fault === null ? null : (
          <p id="archive-fault" role="alert" className="notice notice-warn">
            {i18n._(FAULTS[fault])}
          </p>
        )}
      </form>
      {wanted === null ? null : <Result manifest={manifest} choice={wanted} />}
    </>
  );
}

interface FieldsProps {
  choice: ArchiveChoice;
  fault: ArchiveFault | null;
  cities: string[];
  choose: (part: Partial<ArchiveChoice>) => void;
}

function Fields({ choice, fault, cities, choose }: FieldsProps) {
  const format = useFormat();
  const placeName = usePlaceName();
  const names = cities.map((city) => ({ city, name: placeName(city) })).sort((a, b) => format.compare(a.name, b.name));
  const invalid = { "aria-invalid": fault !== null, "aria-describedby": fault === null ? undefined : "archive-fault" } as const;
  return (
    <>
      <label>
        <Trans>City in the archive</Trans>
        <select value={choice.city} onChange={({ target }) => choose({ city: target.value })}>
          {names.map(({ city, name }) => (
            <option key={city} value={city}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <Trans>Pollutant or index</Trans>
        <select value={choice.column} onChange={({ target }) => choose({ column: target.value })}>
          {POLLUTANT_KEYS.map((key) => (
            <option key={key} value={key}>
              {pollutantName(key)}
            </option>
          ))}
          <option value="aqi">NAQI</option>
        </select>
      </label>
      <label>
        <Trans>First day (Indian date)</Trans>
        <input {...invalid} type="date" min={EARLIEST} value={choice.from} onChange={({ target }) => choose({ from: target.value })} />
      </label>
      <label>
        <Trans>Last day, included</Trans>
        <input {...invalid} type="date" min={EARLIEST} value={choice.to} onChange={({ target }) => choose({ to: target.value })} />
      </label>
    </>
  );
}

function Result({ manifest, choice }: { manifest: Manifest; choice: ArchiveChoice }) {
  const query = useQuery(archiveQuery(manifest.files, choice));
  return (
    <Loaded query={query}>
      {(rows) =>
        rows.length === 0 ? (
          <EmptyState title={<Trans>The archive has no hours of this city in these days</Trans>}>
            <Trans>Choose another time. The present day comes with the next update.</Trans>
          </EmptyState>
        ) : (
          <Rows rows={rows} choice={choice} unit={unitOf(manifest, choice.column)} />
        )
      }
    </Loaded>
  );
}

function Rows({ rows, choice, unit }: { rows: ArchiveRow[]; choice: ArchiveChoice; unit: string }) {
  const format = useFormat();
  const count = format.number(rows.length);
  const unknown = format.number(rows.filter(({ value }) => value === null).length);
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csvOf(rows, choice.column)], { type: "text/csv" }));
    link.download = `${choice.city.toLowerCase().replaceAll(" ", "-")}-${choice.column}-${choice.from}-${choice.to}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <>
      <p className="actions">
        <button type="button" onClick={save}>
          <Trans>Save these rows as CSV</Trans>
        </button>
        <span className="quiet" role="status">
          <Trans>
            {count} rows, {unknown} of them without a value
          </Trans>
        </span>
      </p>
      <DataTable
        caption={<Trans>The first rows of the archive</Trans>}
        rows={rows.slice(0, SHOWN)}
        rowKey={({ time }) => time}
        columns={[
          { key: "time", title: <code>time</code>, cell: ({ time }) => <code>{time}</code> },
          {
            key: choice.column,
            numeric: true,
            title: (
              <>
                <code>{choice.column}</code> <span className="quiet">{unit}</span>
              </>
            ),
            cell: ({ value }) => value ?? "",
          },
          { key: "basis", title: <code>basis</code>, cell: ({ basis }) => basis },
          { key: "source", title: <code>source</code>, cell: ({ source }) => source },
        ]}
      />
    </>
  );
}
