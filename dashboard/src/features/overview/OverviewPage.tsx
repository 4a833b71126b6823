import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link } from "wouter";
import { useFavourites } from "../../shared/favourites";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { usePlaceName } from "../../shared/i18n/i18n";
import { PageTitle } from "../../shared/PageTitle";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState, LoadingState, Notice, SimulatedNotice } from "../../shared/state/states";
import { useChoice } from "../../shared/useChoice";
import { atTime, newestHours } from "./atTime";
import { CityCards } from "./CityCards";
import { CityList } from "./CityList";
import { CityTiles } from "./CityTiles";
import { Controls } from "./Controls";
import "./overview.css";
import { overviewQuery, type Overview } from "./queries";
import { type RankedCity, SORTS, selectCities, VIEWS, type View } from "./select";

const CityMap = lazy(() => import("./CityMap"));

export default function OverviewPage() {
  const { t } = useLingui();
  const query = useQuery(overviewQuery);
  return (
    <>
      <PageTitle>{t`Air quality in 56 Indian cities`}</PageTitle>
      <Loaded query={query}>{(overview) => <Cities overview={overview} />}</Loaded>
    </>
  );
}

function Cities({ overview: answer }: { overview: Overview }) {
  const now = useNow();
  const overview = atTime(answer, now);
  const format = useFormat();
  const placeName = usePlaceName();
  const favourites = useFavourites();
  const [params, choose] = useChoice();
  // The choices are part of the address, so that a view can be sent to somebody.
  const sort = SORTS.find((name) => name === params.get("sort")) ?? "worst";
  const view = VIEWS.find((name) => name === params.get("view")) ?? "cards";
  const search = params.get("q") ?? "";
  const favouritesOnly = params.get("favourites") === "1";
  const cities = selectCities(overview.cities, { sort, search, favourites, favouritesOnly, placeName, compare: format.compare });
  const asOf = format.fullMoment(overview.as_of);
  const withoutData = overview.cities.filter((city) => city.latest?.aqi == null).length;
  const stale = overview.cities.filter((city) => city.latest?.stale === true).length;
  return (
    <>
      {overview.simulated ? <SimulatedNotice /> : null}
      <p className="quiet">
        <Trans>
          Index: Indian NAQI, no unit, from 0 to 500; the latest hour of each city, up to {asOf}. Forecast: the highest hour of
          the next 24, with its 80% interval.
        </Trans>
      </p>
      <Missing withoutData={withoutData} stale={stale} total={overview.cities.length} silentHours={newestHours(overview, now)} />
      <Controls sort={sort} view={view} search={search} favouritesOnly={favouritesOnly} choose={choose} />
      <p role="status" className="quiet">
        <Trans>
          {cities.length} of {overview.cities.length} cities
        </Trans>
      </p>
      {cities.length === 0 ? <Nothing favouritesOnly={favouritesOnly} search={search} /> : <Shown view={view} cities={cities} overview={overview} />}
    </>
  );
}

function Shown({ view, cities, overview }: { view: View; cities: RankedCity[]; overview: Overview }) {
  switch (view) {
    case "cards":
      return <CityCards cities={cities} simulated={overview.simulated} />;
    case "list":
      return <CityList cities={cities} simulated={overview.simulated} />;
    case "tiles":
      return <CityTiles cities={cities} simulated={overview.simulated} />;
    case "map":
      return (
        <Suspense fallback={<LoadingState />}>
          <CityMap cities={cities} simulated={overview.simulated} />
        </Suspense>
      );
  }
}

/** No city has sent anything for so long: then it is the service or the provider, and no city. */
const SILENT_HOURS = 3;

interface MissingProps {
  withoutData: number;
  stale: number;
  total: number;
  silentHours: number | null;
}

function Missing({ withoutData, stale, total, silentHours }: MissingProps) {
  const format = useFormat();
  if (withoutData === total) {
    return (
      <Notice>
        <Trans>No data have arrived yet. A new installation fills within a few minutes.</Trans>
      </Notice>
    );
  }
  if (silentHours !== null && silentHours >= SILENT_HOURS) {
    const hours = format.number(silentHours);
    return (
      <Notice>
        <Trans>
          Nothing has come from any city for {hours} h. <Link href="/sources">Who has to act?</Link>
        </Trans>
      </Notice>
    );
  }
  if (withoutData + stale === 0) return null;
  return (
    <Notice>
      {stale === 0 ? null : (
        <Plural
          value={stale}
          one="# city has sent nothing for more than 2 hours."
          other="# cities have sent nothing for more than 2 hours."
        />
      )}{" "}
      {withoutData === 0 ? null : <Plural value={withoutData} one="# city has no index at all." other="# cities have no index at all." />}
    </Notice>
  );
}

function Nothing({ favouritesOnly, search }: { favouritesOnly: boolean; search: string }) {
  if (search !== "") {
    return (
      <EmptyState title={<Trans>No city matches “{search}”</Trans>}>
        <Trans>Search for a city or a state, in English or Hindi.</Trans>
      </EmptyState>
    );
  }
  return favouritesOnly ? (
    <EmptyState title={<Trans>You have no favourites yet</Trans>}>
      <Trans>Mark a city with its star. Favourites are kept on this device only.</Trans>
    </EmptyState>
  ) : null;
}
