import { Trans } from "@lingui/react/macro";
import { Link } from "wouter";

export function Method() {
  return (
    <>
      <section>
        <h2 id="bases">
          <Trans>Measured, implied, modelled, simulated</Trans>
        </h2>
        <p>
          <Trans>Every value says on what it rests. Kinds are never mixed silently: a better kind replaces a lesser one, hour by hour.</Trans>
        </p>
        <dl className="terms">
          <div>
            <dt>
              <Trans>Measured</Trans>
            </dt>
            <dd>
              <Trans>By instruments at stations, most of them CPCB's. It takes precedence over everything else.</Trans>
            </dd>
          </div>
          <div>
            <dt>
              <Trans>Implied</Trans>
            </dt>
            <dd>
              <Trans>A provider published an index, which was turned back into the concentration that has this index. Coarser than a measurement.</Trans>
            </dd>
          </div>
          <div>
            <dt>
              <Trans>Modelled</Trans>
            </dt>
            <dd>
              <Trans>Computed by a provider's model of the atmosphere, such as CAMS. No instrument stood there.</Trans>
            </dd>
          </div>
          <div>
            <dt>
              <Trans>Simulated</Trans>
            </dt>
            <dd>
              <Trans>Invented by this installation for a demonstration without a network. Not real, and marked wherever it appears.</Trans>
            </dd>
          </div>
        </dl>
      </section>
      <section>
        <h2 id="forecast">
          <Trans>The forecast</Trans>
        </h2>
        <p>
          <Trans>
            After each hourly collection every city gets a forecast for the next 48 hours. It is a weighted mean of experts: linear models,
            random forest, XGBoost and an LSTM trained for the city, their correction by recent errors, providers' own forecasts, and naive
            forecasts. An expert weighs as much as its record of the last 60 days earns it, for each city and lead time.
          </Trans>
        </p>
        <p>
          <Trans>
            The two bands are intervals: of 100 hours, 80 should end within the inner and 95 within the outer one. Their width follows
            the errors already known at each lead time, so that they stay true when the season turns. The chance of each category, and of an
            index above 200, 300 and 400, comes from the same errors.
          </Trans>
        </p>
        <p>
          <Trans>
            A new model serves only if it beats the best naive forecast and the model before it on hours that neither has seen. If nothing
            beats the naive forecast, the naive forecast is served, and says so.
          </Trans>
        </p>
      </section>
      <section>
        <h2 id="record">
          <Trans>The record</Trans>
        </h2>
        <p>
          <Trans>
            Each forecast is stored as it was issued, with a checksum, and never changed. When the hour has come, it is scored against what
            was measured, beside the naive forecasts and the providers' own for the same hours. Means come with the number of forecasts behind
            them; below 30 there is no colour. The record shows where we lose, too: <Link href="/record">see the record</Link>.
          </Trans>
        </p>
      </section>
      <section>
        <h2 id="limits">
          <Trans>What it cannot do</Trans>
        </h2>
        <ul className="bullets">
          <li>
            <Trans>A city's index is a mean over its stations. Beside a busy road or a fire the air may be much worse.</Trans>
          </li>
          <li>
            <Trans>Sudden events, such as fireworks, dust storms or a fire, are seen when they are measured, not before.</Trans>
          </li>
          <li>
            <Trans>Where a city has no station, its values are modelled, and its forecast can only be as good as they are.</Trans>
          </li>
          <li>
            <Trans>Advice on health is general, by category. It does not replace a doctor, nor an official warning.</Trans>
          </li>
        </ul>
      </section>
    </>
  );
}
