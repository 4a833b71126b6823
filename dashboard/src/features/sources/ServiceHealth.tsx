import { Plural, Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { Health } from "../../shared/api/schema";
import { useFormat } from "../../shared/format/format";
import { Cause } from "./Cause";
import { useNow } from "../../shared/format/useNow";

/** One sentence, then what it rests on. */
export function ServiceHealth({ health }: { health: Health }) {
  const format = useFormat();
  const now = useNow();
  const asOf = format.moment(health.timestamp);
  return (
    <section className="section" aria-labelledby="service">
      <h2 id="service">
        <Trans>The service</Trans>
      </h2>
      <div className="panel" data-status={health.status}>
        <p>
          <strong>
            <Status status={health.status} />
          </strong>
        </p>
        {health.reasons.length === 0 ? null : (
          <ul className="reasons">
            {health.reasons.map((reason, index) => (
              <li key={reason}>
                <Cause cause={health.causes[index]} reason={reason} />
              </li>
            ))}
          </ul>
        )}
        <dl className="facts">
          <Fact name={<Trans>Database</Trans>}>
            {health.database === "connected" ? <Trans>connected</Trans> : <Trans>does not answer</Trans>}
          </Fact>
          <Fact name={<Trans>Cache</Trans>}>
            {(health.cache ?? "available") === "available" ? <Trans>available</Trans> : <Trans>Redis does not answer; answers are slower</Trans>}
          </Fact>
          {health.data?.latest ? (
            <Fact name={<Trans>Newest hour of any city</Trans>}>{format.relative(health.data.latest, now)}</Fact>
          ) : null}
          {health.data ? (
            <Fact name={<Trans>Cities with an hour of the last three</Trans>}>
              {format.number(health.data.cities_current)} / {format.number(health.data.cities)}
            </Fact>
          ) : null}
          {health.queue ? (
            <Fact name={<Trans>Queue</Trans>}>
              <Queue waiting={health.queue.waiting} dead={health.queue.dead_24h} />
            </Fact>
          ) : null}
          {typeof health.models === "number" ? <Fact name={<Trans>Models in service</Trans>}>{format.number(health.models)}</Fact> : null}
          {health.models_trained_at ? (
            <Fact name={<Trans>Newest model trained</Trans>}>{format.relative(health.models_trained_at, now)}</Fact>
          ) : null}
          <Fact name={<Trans>Version</Trans>}>{health.version}</Fact>
        </dl>
        <p className="quiet">
          <Trans>As of {asOf}, from the service's own health check.</Trans>
        </p>
      </div>
    </section>
  );
}

function Status({ status }: { status: Health["status"] }) {
  switch (status) {
    case "healthy":
      return <Trans>The service works.</Trans>;
    case "degraded":
      return <Trans>The service answers, but not everything is as it should be:</Trans>;
    case "starting":
      return <Trans>The service has just started and has no data yet:</Trans>;
    case "unhealthy":
      return <Trans>The service has no database, so it cannot answer with new data:</Trans>;
  }
}

function Queue({ waiting, dead }: { waiting: number; dead: number }) {
  return (
    <>
      <Plural value={waiting} _0="nothing waits" one="# message waits" other="# messages wait" />
      {dead === 0 ? null : (
        <>
          , <Plural value={dead} one="# failed for good in 24 h" other="# failed for good in 24 h" />
        </>
      )}
    </>
  );
}

export function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
