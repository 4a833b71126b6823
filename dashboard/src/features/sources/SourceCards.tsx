import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { Trans } from "@lingui/react/macro";
import type { SourceState } from "../../shared/api/schema";
import { sourceName } from "../../shared/format/basis";
import { type Format, useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { EmptyState } from "../../shared/state/states";
import { useReason } from "./reasons";
import { Fact } from "./ServiceHealth";
import { nothingReached, type Verdict, verdictOf } from "./verdict";

const GIVES: Record<string, ReturnType<typeof msg>> = {
  cpcb: msg`Measurements of CPCB's stations, by data.gov.in: the latest hour.`,
  "cpcb-feed": msg`Measurements of CPCB's stations, by CPCB's own feed: the latest hour.`,
  iqair: msg`An index for each city, in turns: about 13 cities an hour.`,
  "open-meteo": msg`Modelled air (CAMS) and weather, past and forecast.`,
  openaq: msg`Measurements of stations with their past, for filling gaps.`,
  openweather: msg`Modelled air.`,
  simulated: msg`Invented data for a demonstration without a network.`,
  waqi: msg`Measurements as published by stations, for the live view alone: nothing of it is archived.`,
};

const STATES: Record<SourceState["state"], ReturnType<typeof msg>> = {
  ok: msg`works`,
  failing: msg`fails`,
  resting: msg`rests`,
};

export function SourceCards({ sources }: { sources: Record<string, SourceState> | null }) {
  const now = useNow();
  const list = Object.entries(sources ?? {});
  const alone = nothingReached(list.map(([, source]) => source));
  return (
    <section className="section" aria-labelledby="sources">
      <h2 id="sources">
        <Trans>Is it us, or the provider?</Trans>
      </h2>
      {sources === null ? (
        <EmptyState title={<Trans>Not known at the moment</Trans>}>
          <Trans>How the sources do is kept in the database, which does not answer.</Trans>
        </EmptyState>
      ) : list.length === 0 ? (
        <EmptyState title={<Trans>No source has been asked in the last 7 days</Trans>}>
          <Trans>The first collection fills this page. If nothing comes within two hours, the collection does not run: it is us.</Trans>
        </EmptyState>
      ) : (
        <ul className="source-cards">
          {list.map(([name, source]) => (
            <li key={name}>
              <SourceCard name={name} source={source} now={now} alone={alone} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function SourceCard({ name, source, now, alone }: { name: string; source: SourceState; now: number; alone: boolean }) {
  const { i18n } = useLingui();
  const format = useFormat();
  const reason = useReason();
  const provider = sourceName(name);
  const gives = GIVES[name];
  const failures = Object.entries(source.failures_24h).sort(([, a], [, b]) => b - a);
  const verdict = verdictOf(source, now, alone);
  return (
    <article className="panel" data-status={source.state} aria-label={provider}>
      <h3>
        {provider} <span className="state-word">{i18n._(STATES[source.state])}</span>
      </h3>
      {gives === undefined ? null : <p className="quiet">{i18n._(gives)}</p>}
      <p className="verdict">
        <VerdictText verdict={verdict} provider={provider} reason={reason} format={format} now={now} />
      </p>
      <dl className="facts">
        <Fact name={<Trans>Last success</Trans>}>
          {source.last_success === null ? <Trans>none in 7 days</Trans> : format.relative(source.last_success, now)}
        </Fact>
        <Fact name={<Trans>Last asked</Trans>}>{format.relative(source.last_run, now)}</Fact>
        <Fact name={<Trans>Newest value</Trans>}>
          {source.lag_minutes === null ? <Trans>none yet</Trans> : format.relative(new Date(now - source.lag_minutes * 60_000), now)}
        </Fact>
        {source.resting_until === null ? null : (
          <Fact name={<Trans>Asked again</Trans>}>{format.moment(source.resting_until)}</Fact>
        )}
        <Fact name={<Trans>Failures in 24 h</Trans>}>
          {failures.length === 0 ? (
            format.number(0)
          ) : (
            <ul>
              {failures.map(([why, number]) => (
                <li key={why}>
                  {format.number(number)} × {reason(why)}
                </li>
              ))}
            </ul>
          )}
        </Fact>
      </dl>
    </article>
  );
}

interface TextProps {
  verdict: Verdict;
  provider: string;
  reason: (reason: string) => string;
  format: Format;
  now: number;
}

/** One sentence that names who has to act. */
function VerdictText({ verdict, provider, reason, format, now }: TextProps) {
  switch (verdict.kind) {
    case "delivers":
      return <Trans>It delivers.</Trans>;
    case "silent": {
      const hours = format.number(Math.round((now - verdict.since.getTime()) / 3_600_000));
      return (
        <Trans>
          It is {provider}: it answers us, but has sent nothing new for {hours} h.
        </Trans>
      );
    }
    case "empty":
      return <Trans>It is {provider}: it answers us, but has not sent a value that can be used.</Trans>;
    case "not-asked": {
      const age = format.relative(verdict.since, now);
      return <Trans>It is us: it was last asked {age}, and it is asked every hour when all is well.</Trans>;
    }
    case "fails": {
      const why = reason(verdict.reason);
      if (verdict.side === "us") return <Trans>It is us: {why}.</Trans>;
      if (verdict.side === "network") return <Trans>It is {provider} or the network to it: {why}.</Trans>;
      return <Trans>It is {provider}: {why}.</Trans>;
    }
  }
}
