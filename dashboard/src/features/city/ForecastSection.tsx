import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Forecast } from "../../shared/api/schema";
import { sourceName, useBasis } from "../../shared/format/basis";
import { useExpertName } from "../../shared/format/experts";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { EmptyState, Notice } from "../../shared/state/states";
import { ExceedanceChart } from "./ExceedanceChart";
import { Experts } from "./Experts";
import { FanChart } from "./FanChart";
import { fanPoints, pastPoints, type Target } from "./forecastPoints";
import { ProbabilityChart } from "./ProbabilityChart";
import { historyQuery } from "./queries";

export function ForecastSection({ slug, forecast }: { slug: string; forecast: Forecast }) {
  const { t } = useLingui();
  const format = useFormat();
  const expertName = useExpertName();
  const basis = useBasis();
  const clock = useNow();
  const [target, setTarget] = useState<Target>("aqi");
  const history = useQuery(historyQuery(slug, "24h"));
  const last = forecast.forecast.at(-1);
  const issued = format.moment(forecast.issued_at);
  const age = format.relative(forecast.issued_at, clock);
  if (last === undefined || Date.parse(last.time) < clock) {
    return (
      <EmptyState title={<Trans>The forecast has run out</Trans>}>
        <Trans>The last one was issued on {issued}, {age}. A new one is issued as soon as measurements arrive again.</Trans>
      </EmptyState>
    );
  }
  const points = fanPoints(forecast, target);
  const past = history.data === undefined ? [] : pastPoints(history.data, target);
  const family = expertName(forecast.model.family);
  const source = forecast.source === null ? "–" : sourceName(forecast.source);
  const kind = basis(forecast.basis, forecast.simulated);
  const unit = target === "aqi" ? t`NAQI, no unit` : "µg/m³";
  const note = (
    <Trans>
      {unit}. Forecast by Vayu ({family}), issued {age}, from data of {source}, {kind}.
    </Trans>
  );
  const shared = (
    <Trans>
      Issued {age} ({family}); every probability is kept and judged in the record.
    </Trans>
  );
  return (
    <div className="stack">
      {forecast.stale ? (
        <Notice>
          <Trans>This forecast was issued {age}; newer measurements have not arrived since, or forecasting has stopped.</Trans>
        </Notice>
      ) : null}
      {forecast.naive ? (
        <Notice kind="info">
          <Trans>A naive forecast: there is too little history to learn from, so the last days are repeated.</Trans>
        </Notice>
      ) : null}
      <fieldset className="segmented">
        <legend className="visually-hidden">
          <Trans>Forecast of</Trans>
        </legend>
        {(["aqi", "pm25"] as const).map((name) => (
          <label key={name}>
            <input type="radio" name="target" value={name} checked={target === name} onChange={() => setTarget(name)} />
            <span>{name === "aqi" ? t`Index` : "PM2.5"}</span>
          </label>
        ))}
      </fieldset>
      {points.length === 0 ? (
        <EmptyState title={<Trans>No forecast of PM2.5</Trans>}>
          <Trans>This city's data have no concentrations to learn from.</Trans>
        </EmptyState>
      ) : (
        <FanChart target={target} points={points} past={past} naive={forecast.naive} note={note} />
      )}
      <div className="pair">
        <ProbabilityChart hours={forecast.forecast} note={shared} />
        <ExceedanceChart hours={forecast.forecast} note={shared} />
      </div>
      <Experts slug={slug} />
    </div>
  );
}
