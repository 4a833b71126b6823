import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState } from "../../shared/state/states";
import type { Filters } from "./filters";
import { PERCENTS, type Percent, warningsQuery } from "./queries";

/** How bad air was foreseen: detections never without false alarms and how often it happens at all. */
export function WarningsSection({ filters, place }: { filters: Filters; place: string | null }) {
  const format = useFormat();
  const [percent, setPercent] = useState<Percent>(50);
  const { city, season, mode } = filters;
  const share = (value: number | null) => (value === null ? "–" : format.percent(value));
  const probability = format.percent(percent / 100);
  return (
    <section aria-labelledby="warnings">
      <h2 id="warnings">
        <Trans>Was bad air foreseen?</Trans>
      </h2>
      <div className="controls">
        <label>
          <Trans>A warning is a stated probability of at least</Trans>
          <select
            value={percent}
            onChange={({ target }) => setPercent(PERCENTS.find((value) => String(value) === target.value) ?? 50)}
          >
            {PERCENTS.map((value) => (
              <option key={value} value={value}>
                {format.percent(value / 100)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Loaded query={useQuery(warningsQuery(city, season, mode, percent))}>
        {({ warnings }) =>
          warnings.length === 0 ? (
            <EmptyState title={<Trans>No warning can be judged here yet</Trans>}>
              <Trans>A warning is judged when its hour was measured. Choose another season or city, or come back a day after the first forecast.</Trans>
            </EmptyState>
          ) : (
            <>
              <DataTable
                caption={
                  place === null ? (
                    <Trans>Hours with an index above a value, warned of at {probability} or more, all cities</Trans>
                  ) : (
                    <Trans>
                      Hours with an index above a value, warned of at {probability} or more, {place}
                    </Trans>
                  )
                }
                rows={warnings}
                rowKey={(warning) => `${warning.above} ${warning.lead}`}
                columns={[
                  {
                    key: "event",
                    title: <Trans>Event</Trans>,
                    cell: ({ above, lead }) => (
                      <Trans>
                        above {above}, {lead} h ahead
                      </Trans>
                    ),
                  },
                  { key: "pod", title: <Trans>Detected (POD)</Trans>, numeric: true, cell: (warning) => share(warning.pod) },
                  { key: "far", title: <Trans>False alarms (FAR)</Trans>, numeric: true, cell: (warning) => share(warning.far) },
                  { key: "csi", title: <Trans>Success (CSI)</Trans>, numeric: true, cell: (warning) => share(warning.csi) },
                  { key: "base", title: <Trans>Happens in</Trans>, numeric: true, cell: (warning) => format.percent(warning.base_rate, 1) },
                  { key: "observed", title: <Trans>Hours above</Trans>, numeric: true, cell: (warning) => format.number(warning.observed) },
                  { key: "warned", title: <Trans>Hours warned</Trans>, numeric: true, cell: (warning) => format.number(warning.warned) },
                  { key: "n", title: <Trans>Hours</Trans>, numeric: true, cell: (warning) => format.number(warning.n) },
                  {
                    key: "enough",
                    title: <Trans>Enough hours above</Trans>,
                    cell: (warning) => (warning.enough ? <Trans>yes</Trans> : <Trans>fewer than 30</Trans>),
                  },
                ]}
              />
              <p className="quiet">
                <Trans>
                  POD: share of the hours above that were warned of. FAR: share of the warnings that were false. CSI: hits among hits, misses and
                  false alarms. A high POD is easy with many false alarms; read both.
                </Trans>
              </p>
            </>
          )
        }
      </Loaded>
    </section>
  );
}
