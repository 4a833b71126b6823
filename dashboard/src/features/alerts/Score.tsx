import { Plural, Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { scoreQuery } from "./queries";
import type { Alert, Outcome, RuleScore } from "./types";

/** Fewer outcomes than this say too little for a percentage. */
const FEWEST = 10;

/** How an alert of the reader's did, and what that is based on. */
export function Score({ alert }: { alert: Alert }) {
  return <Loaded query={useQuery(scoreQuery(alert.id))}>{(score) => <Result alert={alert} score={score} />}</Loaded>;
}

function Result({ alert, score }: { alert: Alert; score: RuleScore }) {
  const format = useFormat();
  if (score.n + score.late === 0) {
    return (
      <p>
        <Trans>Nothing can be judged yet: an alert, or an episode without one, counts once it is over and its hours were measured.</Trans>
      </p>
    );
  }
  return (
    <>
      <dl className="score">
        <Count title={<Trans>Right</Trans>} value={score.hits} />
        <Count title={<Trans>False alarms</Trans>} value={score.false_alarms} />
        <Count title={<Trans>Missed</Trans>} value={score.misses} />
        {score.late === 0 ? null : <Count title={<Trans>Came late</Trans>} value={score.late} />}
      </dl>
      {score.n < FEWEST ? (
        <p>
          <Plural
            value={score.n}
            _0="Nothing else could be judged yet."
            one="This is a single outcome: too little to tell how good the alert is."
            other="These are # outcomes: too few to tell how good the alert is."
          />
        </p>
      ) : (
        <>
          <Shares score={score} />
          {score.median_warning_hours === null ? null : <Warning on={alert.when.on} hours={format.number(score.median_warning_hours, 1)} />}
        </>
      )}
      <details>
        <summary>
          <Trans>What is this based on?</Trans>
        </summary>
        <p className="quiet">
          <Trans>
            On what was measured: alerts that were given, and episodes without one, are judged once they are over. What began before the
            present condition was in force is not held against it. Hours that nobody measured count for nothing.
          </Trans>
        </p>
        <Outcomes outcomes={score.outcomes} unit={alert.when.target === "aqi" ? "AQI" : "µg/m³"} />
      </details>
    </>
  );
}

function Count({ title, value }: { title: ReactNode; value: number }) {
  const format = useFormat();
  return (
    <div>
      <dt>{title}</dt>
      <dd>{format.number(value)}</dd>
    </div>
  );
}

/** The same numbers as shares, each with what it is a share of. */
function Shares({ score: { n, hits, misses, false_alarms: wrong, pod, far } }: { score: RuleScore }) {
  const format = useFormat();
  const episodes = format.number(hits + misses);
  const alerts = format.number(hits + wrong);
  return (
    <p>
      <Plural value={n} one="# outcome was judged." other="# outcomes were judged." />{" "}
      {pod === null ? null : (
        <>
          <Trans>
            Of {episodes} episodes it warned of {format.number(hits)} ({format.percent(pod)}).
          </Trans>{" "}
        </>
      )}
      {far === null ? null : (
        <Trans>
          Of {alerts} alerts {format.number(wrong)} were false ({format.percent(far)}).
        </Trans>
      )}
    </p>
  );
}

function Warning({ on, hours }: { on: Alert["when"]["on"]; hours: string }) {
  return (
    <p>
      {on === "forecast" ? (
        <Trans>Median warning: {hours} h before the beginning.</Trans>
      ) : (
        <Trans>Median time that it still lasted after the alert: {hours} h.</Trans>
      )}
    </p>
  );
}

function Outcomes({ outcomes, unit }: { outcomes: Outcome[]; unit: string }) {
  const format = useFormat();
  const moment = (time: string | null) => (time === null ? "–" : format.fullMoment(time));
  return (
    <DataTable
      caption={<Trans>The latest outcomes, newest first</Trans>}
      rows={outcomes}
      rowKey={({ kind, time }) => `${kind} ${time}`}
      columns={[
        { key: "time", title: <Trans>Began</Trans>, cell: ({ time }) => moment(time) },
        { key: "until", title: <Trans>Ended</Trans>, cell: ({ until }) => moment(until) },
        { key: "kind", title: <Trans>Outcome</Trans>, cell: ({ kind }) => <Kind kind={kind} /> },
        { key: "peak", title: <Trans>Worst hour, {unit}</Trans>, numeric: true, cell: ({ peak }) => (peak === null ? "–" : format.number(peak)) },
        { key: "warned", title: <Trans>Alert</Trans>, cell: (outcome) => moment(outcome.warned_at) },
      ]}
    />
  );
}

function Kind({ kind }: { kind: Outcome["kind"] }) {
  switch (kind) {
    case "hit":
      return <Trans>foreseen</Trans>;
    case "miss":
      return <Trans>missed</Trans>;
    case "false alarm":
      return <Trans>false alarm</Trans>;
    case "late":
      return <Trans>came when it went on already</Trans>;
  }
}
