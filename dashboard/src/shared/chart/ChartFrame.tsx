import { Trans } from "@lingui/react/macro";
import { type ReactNode, useId, useState } from "react";

export interface Column<Row> {
  key: string;
  title: ReactNode;
  cell: (row: Row) => ReactNode;
  numeric?: boolean;
}

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

interface TableProps<Row> {
  caption: ReactNode;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string | number;
}

/** A table that scrolls within itself on narrow screens; the first column names its rows. */
export function DataTable<Row>({ caption, columns, rows, rowKey }: TableProps<Row>) {
  const id = useId();
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-scroll" role="region" aria-labelledby={id} tabIndex={0}>
      <table>
        <caption id={id}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={column.numeric ? "numeric" : undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column, index) =>
                index === 0 ? (
                  <th key={column.key} scope="row">
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.key} className={column.numeric ? "numeric" : undefined}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
