import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { PageTitle } from "../../shared/PageTitle";
import { Loaded } from "../../shared/state/Loaded";
import { SimulatedNotice } from "../../shared/state/states";
import { overviewQuery } from "../overview/queries";
import { CityAges } from "./CityAges";
import { Objectives } from "./Objectives";
import { healthQuery, metricsQuery, sloQuery } from "./queries";
import { ServiceHealth } from "./ServiceHealth";
import { SourceCards } from "./SourceCards";
import "./sources.css";
import { Traffic } from "./Traffic";

export default function SourcesPage() {
  const { t } = useLingui();
  const health = useQuery(healthQuery);
  const overview = useQuery(overviewQuery);
  const metrics = useQuery(metricsQuery);
  const slo = useQuery(sloQuery);
  return (
    <>
      <PageTitle>{t`Sources and service`}</PageTitle>
      <p className="quiet">
        <Trans>Who sends data, how old they are, and who has to act when nothing comes: a provider, or we.</Trans>
      </p>
      <Loaded query={health}>
        {(data) => (
          <>
            {data.simulated === true ? <SimulatedNotice /> : null}
            <ServiceHealth health={data} />
            <SourceCards sources={data.sources ?? null} />
          </>
        )}
      </Loaded>
      <section className="section" aria-labelledby="slo">
        <h2 id="slo">
          <Trans>How soon hours come</Trans>
        </h2>
        <Loaded query={slo}>{(data) => <Objectives slo={data} />}</Loaded>
      </section>
      <section className="section" aria-labelledby="ages">
        <h2 id="ages">
          <Trans>Age of the data, city by city</Trans>
        </h2>
        <Loaded query={overview}>{(data) => <CityAges overview={data} />}</Loaded>
      </section>
      <section className="section" aria-labelledby="traffic">
        <h2 id="traffic">
          <Trans>Requests</Trans>
        </h2>
        <Loaded query={metrics}>{(data) => <Traffic metrics={data} />}</Loaded>
      </section>
    </>
  );
}
