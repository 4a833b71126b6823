import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Performance } from "../../shared/api/schema";
import { DataTable } from "../../shared/chart/DataTable";
import { useExpertName } from "../../shared/format/experts";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { Loaded } from "../../shared/state/Loaded";
import { type Target, UNITS } from "./choice";
import { ExpertWeights } from "./ExpertWeights";
import { LeadChart } from "./LeadChart";
import { performanceQuery } from "./queries";
import { Retrain } from "./Retrain";
import { metric } from "./words";

/** The models of one city: in use since when, how each did at training and live, what each counts, and a new training. */
export function CityModels({ city, target }: { city: string; target: Target }) {
  const performance = useQuery(performanceQuery(city, target));
  return (
    <>
      <Loaded query={performance}>{(data) => <Scores data={data} city={city} />}</Loaded>
      {performance.data === undefined ? null : (
        <>
          <section className="section" aria-labelledby="weights">
            <h2 id="weights">
              <Trans>What the newest forecast is made of</Trans>
            </h2>
            <ExpertWeights city={city} target={target} />
          </section>
          <Retrain city={city} name={performance.data.city} />
        </>
      )}
    </>
  );
}

function Scores({ data, city }: { data: Performance; city: string }) {
  const format = useFormat();
  const placeName = usePlaceName();
  const expertName = useExpertName();
  const { signed } = format;
  const { champion, days, live } = data;
  const name = placeName(data.city);
  const unit = UNITS[data.target];
  const trainings = Object.entries(data.training ?? {});
  const decimal = (value: number | null, decimals: number) => (value === null ? "–" : format.number(value, decimals));
  return (
    <>
      <section className="section" aria-labelledby="champion">
        <h2 id="champion">
          <Trans>In use in {name}</Trans>
        </h2>
        {champion === null ? (
          <p>
            <Trans>No model is in use: there is too little history, and naive forecasts are served, which say so.</Trans>
          </p>
        ) : (
          <Champion family={expertName(champion.family)} version={champion.version} since={champion.since} />
        )}
        {trainings.length === 0 ? null : (
          <DataTable
            caption={<Trans>The latest training of each family, on data it had not seen</Trans>}
            rows={trainings}
            rowKey={([family]) => family}
            columns={[
              { key: "family", title: <Trans>Family</Trans>, cell: ([family]) => expertName(family) },
              { key: "skill", title: <Trans>Skill</Trans>, numeric: true, cell: ([, model]) => signed(metric(model.metrics, "holdout", "skill")) },
              {
                key: "mae",
                title: <>MAE, {unit}</>,
                numeric: true,
                cell: ([, model]) => decimal(metric(model.metrics, "holdout", "mae"), 1),
              },
              {
                key: "rmse",
                title: <>RMSE, {unit}</>,
                numeric: true,
                cell: ([, model]) => decimal(metric(model.metrics, "holdout", "rmse"), 1),
              },
              { key: "r2", title: "R²", numeric: true, cell: ([, model]) => decimal(metric(model.metrics, "holdout", "r2"), 2) },
              {
                key: "trained",
                title: <Trans>Trained</Trans>,
                cell: ([, model]) => format.fullMoment(model.trained_at),
              },
            ]}
          />
        )}
      </section>
      <section className="section" aria-labelledby="live">
        <h2 id="live">
          <Trans>Live, over the last {days} days</Trans>
        </h2>
        {live === null ? (
          <p>
            <Trans>No forecast of this city is old enough to be judged yet. Its models rest on their held-out scores.</Trans>
          </p>
        ) : (
          <>
            <LeadChart record={live} trainings={trainings} unit={unit} />
            <DataTable
              caption={<Trans>By the family in use when the forecast was issued</Trans>}
              rows={Object.entries(live.by_family)}
              rowKey={([family]) => family}
              columns={[
                { key: "family", title: <Trans>Family</Trans>, cell: ([family]) => expertName(family) },
                { key: "skill", title: <Trans>Skill</Trans>, numeric: true, cell: ([, { pooled }]) => signed(pooled.skill) },
                { key: "mae", title: <>MAE, {unit}</>, numeric: true, cell: ([, { pooled }]) => format.number(pooled.mae, 1) },
                { key: "rmse", title: <>RMSE, {unit}</>, numeric: true, cell: ([, { pooled }]) => format.number(pooled.rmse, 1) },
                { key: "r2", title: "R²", numeric: true, cell: ([, { pooled }]) => decimal(pooled.r2, 2) },
                { key: "n", title: <Trans>Forecast hours</Trans>, numeric: true, cell: ([, { pooled }]) => format.number(pooled.n) },
              ]}
            />
          </>
        )}
        <p>
          <Link href={`/record?${new URLSearchParams({ city, target: data.target })}`}>
            <Trans>The whole record of {name}, with intervals and rivals</Trans>
          </Link>
        </p>
      </section>
    </>
  );
}

function Champion({ family, version, since }: { family: string; version: string; since: string | null }) {
  const format = useFormat();
  const time = since === null ? null : format.fullMoment(since);
  return (
    <p>
      {time === null ? (
        <Trans>
          {family}: <code>{version}</code>
        </Trans>
      ) : (
        <Trans>
          {family}, since {time}: <code>{version}</code>
        </Trans>
      )}
    </p>
  );
}
