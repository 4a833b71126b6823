import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { Trans } from "@lingui/react/macro";
import { DataTable } from "../../shared/chart/DataTable";
import type { Slo, SourceSlo } from "../../shared/api/schema";
import { sourceName } from "../../shared/format/basis";
import { type Format, useFormat } from "../../shared/format/format";
import { EmptyState } from "../../shared/state/states";

const VERDICTS: Record<SourceSlo["verdict"], ReturnType<typeof msg>> = {
  fine: msg`fine`,
  us: msg`us`,
  source: msg`the provider`,
  unknown: msg`unknown`,
};

type Row = [name: string, source: SourceSlo];

/** How soon each source's hours come, how much of the error budget is left, and whose fault it is, in one word. */
export function Objectives({ slo }: { slo: Slo }) {
  const { i18n } = useLingui();
  const format = useFormat();
  const rows: Row[] = Object.entries(slo.sources);
  const share = format.percent(slo.objective.share);
  const within = format.number(slo.objective.within_minutes);
  if (rows.length === 0) {
    return (
      <EmptyState title={<Trans>No hour was due yet</Trans>}>
        <Trans>This fills with the first collections.</Trans>
      </EmptyState>
    );
  }
  return (
    <>
      <p className="quiet">
        <Trans>
          The objective: {share} of the hours collected within {within} minutes of their end. A fault is “us” where we did not ask in time, or
          could not through our own doing; else it is the provider's.
        </Trans>
      </p>
      <DataTable
        caption={<Trans>From the end of an hour to its forecast, in minutes: half of the hours, and 95%</Trans>}
        rows={rows}
        rowKey={([name]) => name}
        columns={[
          { key: "source", title: <Trans>Source</Trans>, cell: ([name]) => sourceName(name) },
          {
            key: "verdict",
            title: <Trans>Is it us, or them?</Trans>,
            cell: ([, { verdict }]) => (
              <span className="slo-verdict" data-verdict={verdict}>
                {i18n._(VERDICTS[verdict])}
              </span>
            ),
          },
          {
            key: "hours",
            title: <Trans>In time, 24 h</Trans>,
            numeric: true,
            cell: ([, { last_24h: day }]) => `${format.number(day.met)} / ${format.number(day.hours)}`,
          },
          { key: "share", title: <Trans>In time, 30 days</Trans>, numeric: true, cell: ([, { last_30d: month }]) => percent(month.share, format) },
          { key: "budget", title: <Trans>Error budget left, 30 days</Trans>, numeric: true, cell: ([, { last_30d: month }]) => percent(month.budget_left, format) },
          { key: "collected", title: <Trans>Collected</Trans>, numeric: true, cell: ([, { last_24h: day }]) => <Delays delays={day.collected} /> },
          { key: "committed", title: <Trans>Stored</Trans>, numeric: true, cell: ([, { last_24h: day }]) => <Delays delays={day.committed} /> },
          { key: "forecast", title: <Trans>Forecast</Trans>, numeric: true, cell: ([, { last_24h: day }]) => <Delays delays={day.forecast} /> },
          { key: "pushed", title: <Trans>Pushed to pages</Trans>, numeric: true, cell: ([, { last_24h: day }]) => <Delays delays={day.pushed} /> },
        ]}
      />
      <p className="quiet">
        <Trans>
          Minutes are of the last 24 h. A budget below 0% is overdrawn. A dash: nothing came so far, such as a forecast where another source
          spoke for the city.
        </Trans>
      </p>
    </>
  );
}

function percent(share: number | null, format: Format): string {
  if (share === null) return "–";
  return share < 0 ? `−${format.percent(-share)}` : format.percent(share);
}

function Delays({ delays }: { delays: SourceSlo["last_24h"]["collected"] }) {
  const format = useFormat();
  return delays === null ? "–" : `${format.number(delays.p50_minutes)} / ${format.number(delays.p95_minutes)}`;
}
