import { Trans } from "@lingui/react/macro";
import { type ReactNode, useId, useState } from "react";
import { type Column, DataTable } from "./DataTable";

interface Props<Row> {
  title: ReactNode;
  /** Unit, source, age and basis of what is drawn. */
  note: ReactNode;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string | number;
  legend?: ReactNode;
  children: ReactNode;
}

/** A chart with its title, its note and the same numbers as a table, behind a button. */
export function ChartFrame<Row>({ title, note, columns, rows, rowKey, legend, children }: Props<Row>) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <figure className="chart" aria-labelledby={`${id}-title`}>
      <figcaption>
        <h3 id={`${id}-title`}>{title}</h3>
        <p className="quiet">{note}</p>
      </figcaption>
      {legend}
      {children}
      <button type="button" className="button-quiet" aria-expanded={open} aria-controls={`${id}-table`} onClick={() => setOpen(!open)}>
        {open ? <Trans>Hide the table</Trans> : <Trans>Show as a table</Trans>}
      </button>
      <div id={`${id}-table`} hidden={!open}>
        {open ? <DataTable caption={title} columns={columns} rows={rows} rowKey={rowKey} /> : null}
      </div>
    </figure>
  );
}
