import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { OverviewCity } from "../../shared/api/schema";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import {
  type Choice,
  DAYS_MOST,
  EARLIEST,
  type Fault,
  FORMATS,
  HOURS_MOST,
  INTERVALS,
  PERIODS,
  STANDARDS,
  XLSX_ROWS,
} from "./choice";

const PERIOD_NAMES: Record<Choice["period"], ReturnType<typeof msg>> = {
  hours: msg`Last hours`,
  days: msg`Last days`,
  dates: msg`From … to …`,
};
const INTERVAL_NAMES: Record<Choice["interval"], ReturnType<typeof msg>> = { hour: msg`Hours`, day: msg`Days` };
const STANDARD_NAMES: Record<Choice["standard"], ReturnType<typeof msg>> = {
  "in-naqi": msg`Indian NAQI`,
  "us-epa": msg`US EPA`,
};

export const FORMAT_NAMES: Record<Choice["format"], string> = { csv: "CSV", json: "JSON", xlsx: "Excel", parquet: "Parquet" };

interface Props {
  choice: Choice;
  fault: Fault | null;
  cities: OverviewCity[];
  choose: (name: string, value: string) => void;
}

export function Builder({ choice, fault, cities, choose }: Props) {
  const { i18n } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const names = cities
    .map(({ slug, name }) => ({ slug, name: placeName(name) }))
    .sort((a, b) => format.compare(a.name, b.name));
  const known = names.some(({ slug }) => slug === choice.city);
  const invalid = { "aria-invalid": fault !== null, "aria-describedby": fault === null ? undefined : "fault" } as const;
  return (
    <form className="controls" onSubmit={(event) => event.preventDefault()}>
      <label>
        <Trans>City</Trans>
        <select value={choice.city} onChange={({ target }) => choose("city", target.value)}>
          {known ? null : <option value={choice.city}>{choice.city}</option>}
          {names.map(({ slug, name }) => (
            <option key={slug} value={slug}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Segments
        legend={<Trans>Time</Trans>}
        name="period"
        values={PERIODS}
        chosen={choice.period}
        label={(value) => i18n._(PERIOD_NAMES[value])}
        choose={choose}
      />
      {choice.period === "hours" ? (
        <label>
          <Trans>Number of hours</Trans>
          <input {...invalid} type="number" min={1} max={HOURS_MOST} value={shown(choice.hours)} onChange={({ target }) => choose("hours", target.value)} />
        </label>
      ) : null}
      {choice.period === "days" ? (
        <label>
          <Trans>Number of days</Trans>
          <input {...invalid} type="number" min={1} max={DAYS_MOST} value={shown(choice.days)} onChange={({ target }) => choose("days", target.value)} />
        </label>
      ) : null}
      {choice.period === "dates" ? (
        <>
          <label>
            <Trans>From (Indian date)</Trans>
            <input {...invalid} type="date" min={EARLIEST} value={choice.from} onChange={({ target }) => choose("from", target.value)} />
          </label>
          <label>
            <Trans>To, this day included</Trans>
            <input {...invalid} type="date" min={EARLIEST} value={choice.to} onChange={({ target }) => choose("to", target.value)} />
          </label>
        </>
      ) : null}
      <Segments
        legend={<Trans>Rows</Trans>}
        name="interval"
        values={INTERVALS}
        chosen={choice.interval}
        label={(value) => i18n._(INTERVAL_NAMES[value])}
        choose={choose}
      />
      <Segments
        legend={<Trans>Index</Trans>}
        name="standard"
        values={STANDARDS}
        chosen={choice.standard}
        label={(value) => i18n._(STANDARD_NAMES[value])}
        choose={choose}
      />
      <Segments
        legend={<Trans>Format</Trans>}
        name="format"
        values={FORMATS}
        chosen={choice.format}
        label={(value) => FORMAT_NAMES[value]}
        choose={choose}
      />
      {fault === null ? null : (
        <p id="fault" role="alert" className="notice notice-warn">
          <FaultText fault={fault} />
        </p>
      )}
    </form>
  );
}

/** A number field that is being emptied stays empty. */
function shown(value: number): number | "" {
  return Number.isNaN(value) ? "" : value;
}

interface SegmentsProps<T extends string> {
  legend: ReactNode;
  name: string;
  values: readonly T[];
  chosen: T;
  label: (value: T) => string;
  choose: (name: string, value: string) => void;
}

function Segments<T extends string>({ legend, name, values, chosen, label, choose }: SegmentsProps<T>) {
  return (
    <fieldset className="segmented">
      <legend>{legend}</legend>
      {values.map((value) => (
        <label key={value}>
          <input type="radio" name={name} value={value} checked={chosen === value} onChange={() => choose(name, value)} />
          <span>{label(value)}</span>
        </label>
      ))}
    </fieldset>
  );
}

function FaultText({ fault }: { fault: Fault }) {
  const format = useFormat();
  const hours = format.number(HOURS_MOST);
  const days = format.number(DAYS_MOST);
  const rows = format.number(XLSX_ROWS);
  switch (fault) {
    case "hours":
      return <Trans>Give a whole number of hours from 1 to {hours}.</Trans>;
    case "days":
      return <Trans>Give a whole number of days from 1 to {days}.</Trans>;
    case "date":
      return <Trans>Give both dates.</Trans>;
    case "order":
      return <Trans>The first day must not be after the last.</Trans>;
    case "future":
      return <Trans>The first day has no full hour yet. Choose an earlier one.</Trans>;
    case "early":
      return <Trans>There are no data before 1 January 2000.</Trans>;
    case "workbook":
      return <Trans>A workbook has at most {rows} rows here. Choose a shorter time, days, or another format.</Trans>;
    case "long":
      return <Trans>At most {days} days in one answer. Ask for them in parts.</Trans>;
  }
}
