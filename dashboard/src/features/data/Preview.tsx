import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { DayPoint, History, HourPoint } from "../../shared/api/schema";
import { POLLUTANT_KEYS, pollutantName } from "../../shared/aqi/pollutants";
import { type Column, DataTable } from "../../shared/chart/DataTable";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState } from "../../shared/state/states";
import { useSettled } from "../../shared/useSettled";
import type { Choice, Fault } from "./choice";
import { previewQuery } from "./queries";

const SETTLE = 400;

/** The first rows of what would be downloaded, spelt as in the file. */
export function Preview({ choice, fault }: { choice: Choice; fault: Fault | null }) {
  const key = useSettled(JSON.stringify([choice, fault]), SETTLE);
  const [settled, settledFault]: [Choice, Fault | null] = JSON.parse(key);
  const query = useQuery(previewQuery(settled, settledFault === null));
  return (
    <section className="section" aria-labelledby="preview">
      <h2 id="preview">
        <Trans>Preview</Trans>
      </h2>
      {fault !== null || settledFault !== null ? (
        <p className="quiet">
          <Trans>There is a preview as soon as the time can be answered.</Trans>
        </p>
      ) : (
        <Loaded query={query}>
          {({ history, end }) =>
            history.count === 0 ? (
              <EmptyState title={<Trans>Nothing is stored at the beginning and at the end of this time</Trans>}>
                <Trans>
                  The service fills its past when it is set up, 92 days by default, and keeps what came since. Choose a later time.
                </Trans>
              </EmptyState>
            ) : (
              <Rows history={history} end={end} />
            )
          }
        </Loaded>
      )}
    </section>
  );
}

type Cell = string | number | null;

function concentration(point: HourPoint | DayPoint, key: string): Cell {
  return Object.entries(point.pollutants).find(([name]) => name === key)?.[1] ?? null;
}

function Rows({ history, end }: { history: History; end: "first" | "last" }) {
  const caption =
    end === "first" ? (
      <Trans>The first rows</Trans>
    ) : (
      <Trans>Nothing is stored at the beginning of this time; these are the last rows</Trans>
    );
  const unit = (key: string) => history.units[key] ?? "";
  if (history.interval === "hour") {
    return (
      <DataTable
        caption={caption}
        rows={history.points}
        rowKey={(point) => point.time}
        columns={[
          column("time", (point: HourPoint) => <code>{point.time}</code>),
          column("aqi", (point: HourPoint) => point.aqi, true),
          column("category", (point: HourPoint) => point.category),
          column("dominant_pollutant", (point: HourPoint) => point.dominant_pollutant),
          column("basis", (point: HourPoint) => point.basis),
          column("source", (point: HourPoint) => point.source),
          column("flags", (point: HourPoint) => point.flags.join(" ")),
          ...POLLUTANT_KEYS.map((key) => pollutant<HourPoint>(key, unit(key), (point) => concentration(point, key))),
        ]}
      />
    );
  }
  return (
    <DataTable
      caption={caption}
      rows={history.points}
      rowKey={(point) => point.date}
      columns={[
        column("date", (point: DayPoint) => <code>{point.date}</code>),
        column("aqi", (point: DayPoint) => point.aqi, true),
        column("aqi_max", (point: DayPoint) => point.aqi_max, true),
        column("category", (point: DayPoint) => point.category),
        column("hours", (point: DayPoint) => point.hours, true),
        column("basis", (point: DayPoint) => point.basis),
        column("source", (point: DayPoint) => point.source),
        ...POLLUTANT_KEYS.map((key) => pollutant<DayPoint>(key, unit(key), (point) => concentration(point, key))),
      ]}
    />
  );
}

/** A column of the file, by its name there. */
function column<Row>(key: string, value: (row: Row) => ReactNode, numeric = false): Column<Row> {
  return { key, title: <code>{key}</code>, numeric, cell: (row) => value(row) ?? "" };
}

function pollutant<Row>(key: string, unit: string, value: (row: Row) => Cell): Column<Row> {
  const title = (
    <>
      {pollutantName(key)}
      <br />
      <span className="quiet">{unit}</span>
    </>
  );
  return { key, title, numeric: true, cell: (row) => value(row) ?? "" };
}
