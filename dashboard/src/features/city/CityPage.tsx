import { Trans, useLingui } from "@lingui/react/macro";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "wouter";
import { ApiError } from "../../shared/api/errors";
import type { Forecast, Pollutants } from "../../shared/api/schema";
import { FavouriteButton } from "../../shared/FavouriteButton";
import { useNameOfSlug, usePlaceName } from "../../shared/i18n/i18n";
import { Later } from "../../shared/Later";
import { Near } from "../../shared/Near";
import { PageTitle } from "../../shared/PageTitle";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState, LoadingState, SimulatedNotice } from "../../shared/state/states";
import { Advice } from "./Advice";
import { ForecastSection } from "./ForecastSection";
import { HistorySection } from "./HistorySection";
import { Now } from "./Now";
import { PollutantTable } from "./PollutantTable";
import { forecastQuery, pollutantsQuery } from "./queries";
import { RecordLink } from "./RecordLink";
import { Rerun } from "./Rerun";
import "./city.css";

export default function CityPage() {
  const { slug } = useParams<{ slug: string }>();
  // Everything below belongs to one city; a new one starts from nothing.
  return <City key={slug} slug={slug} />;
}

function City({ slug }: { slug: string }) {
  const { t } = useLingui();
  const placeName = usePlaceName();
  const nameOfSlug = useNameOfSlug();
  const now = useQuery(pollutantsQuery(slug));
  const forecast = useQuery(forecastQuery(slug));
  const known = now.data ?? forecast.data;
  const name = known === undefined ? nameOfSlug(slug) : placeName(known.city);
  if (isUnknownCity(now.error) && isUnknownCity(forecast.error)) {
    return (
      <>
        <PageTitle>{t`Unknown city`}</PageTitle>
        <EmptyState title={<Trans>“{slug}” is none of the 56 cities</Trans>}>
          <Trans>
            All of them are on the <Link href="/">overview</Link>.
          </Trans>
        </EmptyState>
      </>
    );
  }
  return (
    <>
      <div className="city-head">
        <PageTitle>{t`Air quality in ${name}`}</PageTitle>
        <FavouriteButton slug={slug} city={name} />
        <Link href={`/compare?cities=${slug}`}>
          <Trans>Compare with other cities</Trans>
        </Link>
        <Link href={`/alerts?city=${slug}`}>
          <Trans>Tell me when the air gets bad</Trans>
        </Link>
      </div>
      {/* All that is seen first at once: sections that come one by one push each other down while the reader reads. */}
      {now.isPending || forecast.isPending ? <LoadingState /> : <Sections slug={slug} name={name} now={now} forecast={forecast} />}
    </>
  );
}

interface SectionsProps {
  slug: string;
  name: string;
  now: UseQueryResult<Pollutants>;
  forecast: UseQueryResult<Forecast>;
}

function Sections({ slug, name, now, forecast }: SectionsProps) {
  const placeName = usePlaceName();
  const known = now.data ?? forecast.data;
  return (
    <>
      {known === undefined || known.state === known.city ? null : <p className="quiet">{placeName(known.state)}</p>}
      {known?.simulated === true ? <SimulatedNotice /> : null}
      <section className="city-now" aria-labelledby="now">
        <h2 id="now">
          <Trans>Now</Trans>
        </h2>
        {isMissing(now) ? (
          <EmptyState title={<Trans>No data of the last 48 hours</Trans>}>
            <Trans>
              Nothing has arrived from any source; <Link href="/sources">sources</Link> says which of them work. History and record stay.
            </Trans>
          </EmptyState>
        ) : (
          <Loaded query={now}>
            {(data) => (
              <div className="pair">
                <Now slug={slug} now={data} />
                {data.aqi === null ? null : <Advice aqi={data.aqi} />}
              </div>
            )}
          </Loaded>
        )}
      </section>
      <Later>
        <section aria-labelledby="forecast">
          <h2 id="forecast">
            <Trans>The next 48 hours</Trans>
          </h2>
          {isMissing(forecast) ? (
            <EmptyState title={<Trans>No forecast at the moment</Trans>}>
              <Trans>None has been issued yet, or the last one has run out. The next one follows the next measurements.</Trans>
            </EmptyState>
          ) : (
            <Loaded query={forecast}>{(data) => <ForecastSection slug={slug} forecast={data} />}</Loaded>
          )}
          {forecast.data === undefined ? null : (
            <>
              <RecordLink slug={slug} name={name} record={forecast.data.record} />
              <Rerun slug={slug} issuedAt={forecast.data.issued_at} />
            </>
          )}
        </section>
        {isMissing(now) ? null : (
          <section aria-labelledby="pollutants">
            <h2 id="pollutants">
              <Trans>Pollutants</Trans>
            </h2>
            <Loaded query={now}>{(data) => <PollutantTable now={data} />}</Loaded>
          </section>
        )}
        <section aria-labelledby="history">
          <h2 id="history">
            <Trans>History</Trans>
          </h2>
          <Near>
            <HistorySection slug={slug} />
          </Near>
        </section>
      </Later>
    </>
  );
}

function isUnknownCity(error: Error | null): boolean {
  return error instanceof ApiError && error.kind === "not-found" && (error.problem.errors ?? []).some((part) => part.parameter === "city");
}

/** The city is known and there is nothing of it; what was loaded before is shown all the same. */
function isMissing<T>(query: UseQueryResult<T>): query is UseQueryResult<T> & { data: undefined; error: ApiError } {
  return query.data === undefined && query.error instanceof ApiError && query.error.kind === "not-found";
}
