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
  /** Level of the heading: 2 on pages without sections. */
  level?: 2 | 3;
  children: ReactNode;
}

/** A chart with its title, its note and the same numbers as a table, behind a button. */
export function ChartFrame<Row>({ title, note, columns, rows, rowKey, legend, level = 3, children }: Props<Row>) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const Heading = `h${level}` as const;
  return (
    <figure className="chart" aria-labelledby={`${id}-title`}>
      <figcaption>
        <Heading id={`${id}-title`}>{title}</Heading>
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
