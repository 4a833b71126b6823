import { Plural, Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { currentLocale, usePlaceName } from "../../shared/i18n/i18n";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState } from "../../shared/state/states";
import { inForce, type PublicMessage } from "./feed";
import { feedPath, feedQuery, scoresQuery } from "./queries";
import type { AlertScore } from "./types";

/** What anybody may know: the service's own alerts for every city, as messages for people and for machines. */
export function PublicAlerts() {
  const locale = currentLocale();
  return (
    <section className="section" aria-labelledby="public-alerts">
      <h2 id="public-alerts">
        <Trans>In force now</Trans>
      </h2>
      <Loaded query={useQuery(feedQuery(locale))}>{(messages) => <InForce messages={messages} />}</Loaded>
      <p className="quiet">
        <Trans>
          For every city: a measured index of 300 or more, or a chance of 50% that it comes within 24 h. As a feed:{" "}
          <a href={feedPath(locale)}>Atom</a>; each message also as CAP, which warning systems read.
        </Trans>
      </p>
    </section>
  );
}

function InForce({ messages }: { messages: PublicMessage[] }) {
  const format = useFormat();
  const now = useNow();
  const current = inForce(messages);
  if (current.length === 0) {
    return (
      <EmptyState title={<Trans>No city has an alert at the moment</Trans>}>
        {messages[0] === undefined ? undefined : <Trans>The last message: {messages[0].title}</Trans>}
      </EmptyState>
    );
  }
  return (
    <>
      <p>
        <Plural value={current.length} one="# alert" other="# alerts" />
      </p>
      <ul className="public-alerts">
        {current.map((message) => (
          <li key={message.id} className="panel" data-status="failing">
            <p>
              <strong>
                <Link href={`/city/${message.slug}`}>{message.place}</Link>
              </strong>
              {": "}
              {message.title}
            </p>
            <p>{message.summary}</p>
            <p className="quiet">
              {format.relative(message.sentAt, now)}
              {message.cap === null ? null : (
                <>
                  {" · "}
                  <a href={message.cap}>
                    CAP <span className="visually-hidden">{message.place}</span>
                  </a>
                </>
              )}
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}

/** How the service's own alerts did: none is forgotten. */
export function PublicScores() {
  const format = useFormat();
  const placeName = usePlaceName();
  const share = (value: number | null) => (value === null ? "–" : format.percent(value));
  return (
    <section className="section" aria-labelledby="alert-scores">
      <h2 id="alert-scores">
        <Trans>How good were they?</Trans>
      </h2>
      <Loaded query={useQuery(scoresQuery)}>
        {({ scores, fewest_owners: fewest }) =>
          scores.length === 0 ? (
            <EmptyState title={<Trans>No alert can be judged yet</Trans>}>
              <Trans>Each is judged when it is over and its hours were measured.</Trans>
            </EmptyState>
          ) : (
            <>
              <DataTable
                caption={<Trans>Alerts that were given, judged by what was measured</Trans>}
                rows={scores}
                rowKey={({ city, on, target, rules }) => `${city ?? ""} ${on} ${target} ${rules}`}
                columns={[
                  { key: "city", title: <Trans>City</Trans>, cell: ({ city }) => (city === null ? <Trans>All cities</Trans> : placeName(city)) },
                  { key: "on", title: <Trans>Alert on</Trans>, cell: (score) => <Subject score={score} /> },
                  { key: "rules", title: <Trans>Whose</Trans>, cell: ({ rules }) => (rules === "public" ? <Trans>public</Trans> : <Trans>users'</Trans>) },
                  { key: "n", title: <Trans>Judged</Trans>, numeric: true, cell: ({ n }) => format.number(n) },
                  { key: "hits", title: <Trans>Right</Trans>, numeric: true, cell: ({ hits }) => format.number(hits) },
                  { key: "false", title: <Trans>False alarms</Trans>, numeric: true, cell: (score) => format.number(score.false_alarms) },
                  { key: "misses", title: <Trans>Missed</Trans>, numeric: true, cell: ({ misses }) => format.number(misses) },
                  { key: "pod", title: "POD", numeric: true, cell: ({ pod }) => share(pod) },
                  { key: "far", title: "FAR", numeric: true, cell: ({ far }) => share(far) },
                  { key: "csi", title: "CSI", numeric: true, cell: ({ csi }) => share(csi) },
                  {
                    key: "ahead",
                    title: <Trans>Median warning</Trans>,
                    numeric: true,
                    cell: ({ median_warning_hours: hours }) => (hours === null ? "–" : <Hours hours={format.number(hours, 1)} />),
                  },
                ]}
              />
              <p className="quiet">
                <Trans>
                  POD: share of the episodes that had an alert. FAR: share of the alerts that were false. CSI: hits among hits, misses and false
                  alarms. A few alerts say little. Users' own alerts are added up where at least {fewest} of them have some, and never shown
                  alone. A warning is the time from an alert on a forecast to the beginning; on measurements, how long it still lasted.
                </Trans>
              </p>
            </>
          )
        }
      </Loaded>
    </section>
  );
}

function Hours({ hours }: { hours: string }) {
  return <Trans>{hours} h</Trans>;
}

function Subject({ score: { on, target } }: { score: AlertScore }) {
  const name = target === "aqi" ? "NAQI" : "PM2.5";
  return on === "forecast" ? <Trans>{name}, forecast</Trans> : <Trans>{name}, measured</Trans>;
}
