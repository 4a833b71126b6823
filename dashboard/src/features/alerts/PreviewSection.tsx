import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ChartFrame } from "../../shared/chart/ChartFrame";
import { Plot } from "../../shared/chart/Plot";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { EmptyState, SimulatedNotice } from "../../shared/state/states";
import { Failure } from "./Failure";
import { type Form, whenOf } from "./form";
import { previewAlert } from "./queries";
import type { Preview, PreviewEpisode } from "./types";

const DAYS = [30, 90, 365] as const;
const DAY = 86_400_000;

interface Props {
  form: Form;
  /** Whether the condition is complete; marks what is not. */
  check: () => boolean;
}

/** What this rule would have done: on what was measured, and on the forecasts as they were issued. */
export function PreviewSection({ form, check }: Props) {
  const { t } = useLingui();
  const [days, setDays] = useState<(typeof DAYS)[number]>(90);
  const trial = useMutation({ mutationFn: previewAlert });
  const now = useNow();
  const when = whenOf(form);
  const run = () => {
    if (!check()) return;
    trial.mutate({ city: form.city, when, from: iso(now - days * DAY), to: iso(now) });
  };
  // A result belongs to the rule that it was made of.
  const isCurrent = trial.variables?.city === form.city && JSON.stringify(trial.variables.when) === JSON.stringify(when);
  return (
    <div className="section preview">
      <div className="controls">
        <label>
          <Trans>Try it on</Trans>
          <select value={days} onChange={({ target }) => setDays(DAYS.find((each) => String(each) === target.value) ?? 90)}>
            {DAYS.map((each) => (
              <option key={each} value={each}>
                {t`the last ${each} days`}
              </option>
            ))}
          </select>
        </label>
        <button type="button" disabled={trial.isPending} onClick={run}>
          <Trans>Preview on the record</Trans>
        </button>
      </div>
      <div role="status">{trial.isPending ? <Trans>The record is being read …</Trans> : null}</div>
      {trial.error === null || !isCurrent ? null : <Failure error={trial.error} />}
      {trial.data === undefined || !isCurrent ? null : <PreviewResult preview={trial.data} />}
    </div>
  );
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(".000Z", "Z");
}

function PreviewResult({ preview }: { preview: Preview }) {
  const format = useFormat();
  const { alerts, hits, false_alarms: falseAlarms, misses, late, issues, mode } = preview;
  const from = format.date(preview.from);
  const to = format.date(preview.to);
  const hours = format.number(preview.hours);
  if (preview.hours === 0 || issues === 0) {
    return (
      <EmptyState title={<Trans>There is no record of this city in that time</Trans>}>
        {preview.hours === 0 ? (
          <Trans>A rule can be made all the same; it begins with the next hour that is measured.</Trans>
        ) : (
          <Trans>No forecast was issued that could be judged. A rule can be made all the same; it begins with the next forecast.</Trans>
        )}
      </EmptyState>
    );
  }
  return (
    <div className="preview-result" role="status">
      {preview.simulated ? <SimulatedNotice /> : null}
      <p>
        <strong>
          <Plural value={alerts} _0="It would not have sent an alert." one="It would have sent one alert." other="It would have sent # alerts." />
        </strong>{" "}
        {alerts === 0 ? null : (
          <>
            <Plural value={hits} _0="None of them was right." one="One was right." other="# were right." />{" "}
            <Plural value={falseAlarms} _0="None was a false alarm." one="One was a false alarm." other="# were false alarms." />{" "}
          </>
        )}
        {late === 0 ? null : (
          <>
            <Plural value={late} one="One came when it went on already." other="# came when it went on already." />{" "}
          </>
        )}
        <Plural value={misses} _0="No episode was missed." one="One episode was missed." other="# episodes were missed." />{" "}
        <Warning preview={preview} />
      </p>
      <p className="quiet">
        <Trans>
          From {from} to {to}, on {hours} measured hours. An episode lasts from its first hour at the threshold to its last, over gaps of less
          than 6 h. Hours that nobody measured count for nothing.
        </Trans>{" "}
        {mode === "replay" ? <Trans>The forecasts are those of a replay of history.</Trans> : null}
      </p>
      {preview.episodes.length === 0 ? null : <EpisodeChart preview={preview} />}
    </div>
  );
}

function Warning({ preview: { when, median_warning_hours: median } }: { preview: Preview }) {
  const format = useFormat();
  if (median === null) return null;
  const hours = format.number(median, 1);
  if (when.on === "forecast") return <Trans>Half of the warnings came {hours} h ahead or more.</Trans>;
  return <Trans>After half of the alerts it lasted {hours} h or more.</Trans>;
}

function EpisodeChart({ preview }: { preview: Preview }) {
  const { t } = useLingui();
  const format = useFormat();
  const { episodes, when } = preview;
  const unit = when.target === "aqi" ? t`NAQI` : "µg/m³";
  const max = Math.max(when.above * 1.25, ...episodes.map(({ peak }) => peak * 1.05));
  const value = format.number(when.above);
  const above = t`${value} ${unit}`;
  return (
    <ChartFrame
      title={<Trans>Episodes, and when it would have warned</Trans>}
      note={<Trans>{unit}. Each bar is an episode of {above} or more, as high as its worst hour. Filled: foreseen. A triangle marks the alert.</Trans>}
      columns={[
        { key: "from", title: <Trans>Began</Trans>, cell: (episode: PreviewEpisode) => format.fullMoment(episode.from) },
        { key: "to", title: <Trans>Ended</Trans>, cell: (episode: PreviewEpisode) => format.fullMoment(episode.to) },
        { key: "peak", title: <Trans>Worst hour, {unit}</Trans>, numeric: true, cell: (episode: PreviewEpisode) => format.number(episode.peak) },
        {
          key: "outcome",
          title: <Trans>Outcome</Trans>,
          cell: ({ outcome }: PreviewEpisode) =>
            outcome === "hit" ? <Trans>foreseen</Trans> : outcome === "miss" ? <Trans>missed</Trans> : <Trans>cannot be judged</Trans>,
        },
        {
          key: "warned",
          title: <Trans>Alert</Trans>,
          cell: (episode: PreviewEpisode) => (episode.warned_at === null ? <Trans>none</Trans> : format.fullMoment(episode.warned_at)),
        },
        {
          key: "ahead",
          title: when.on === "forecast" ? <Trans>Hours ahead</Trans> : <Trans>Hours it still lasted</Trans>,
          numeric: true,
          cell: (episode: PreviewEpisode) => (episode.warning_hours === null ? "–" : format.number(episode.warning_hours, 1)),
        },
      ]}
      rows={episodes}
      rowKey={(episode) => episode.from}
    >
      <Plot
        label={t`Episodes, and when it would have warned`}
        start={Date.parse(preview.from)}
        end={Date.parse(preview.to)}
        max={max}
        unit={unit}
        height={200}
      >
        {({ x, y }) => (
          <>
            {episodes.map((episode) => {
              const left = x(Date.parse(episode.from));
              const width = Math.max(2, x(Date.parse(episode.to)) - left);
              return (
                <rect
                  key={episode.from}
                  className={episode.outcome === "hit" ? "episode" : "episode episode-missed"}
                  x={left}
                  y={y(episode.peak)}
                  width={width}
                  height={Math.max(0, y(0) - y(episode.peak))}
                />
              );
            })}
            <path className="line line-dashed" d={`M${x.range().join(`,${y(when.above)}L`)},${y(when.above)}`} />
            {episodes.map(({ warned_at: warnedAt, from }) =>
              warnedAt === null ? null : <path key={from} className="warned" d={triangle(x(Date.parse(warnedAt)), y(0))} />,
            )}
          </>
        )}
      </Plot>
    </ChartFrame>
  );
}

function triangle(x: number, y: number): string {
  return `M${x},${y - 10}l5,10h-10z`;
}
