import { Trans } from "@lingui/react/macro";
import { DataTable } from "../../shared/chart/DataTable";
import { PACKAGES } from "./packages";

/** Names and addresses are those that the providers ask for: `attribution` in `common/sources`. */
const PROVIDERS = [
  {
    name: "CPCB / data.gov.in",
    url: "https://data.gov.in",
    credit: "Central Pollution Control Board (CPCB), Ministry of Environment, Forest and Climate Change, Government of India",
    terms: "Government Open Data License – India",
  },
  { name: "Open-Meteo", url: "https://open-meteo.com", credit: "Weather and air quality by Open-Meteo.com, with CAMS of Copernicus/ECMWF", terms: "CC BY 4.0" },
  { name: "OpenAQ", url: "https://openaq.org", credit: "Measurements collected by OpenAQ from the agencies that made them, here CPCB", terms: "" },
  { name: "OpenWeather", url: "https://openweathermap.org", credit: "Weather and air quality by OpenWeather", terms: "CC BY-SA 4.0" },
  { name: "IQAir", url: "https://www.iqair.com", credit: "Air quality by IQAir AirVisual", terms: "" },
  { name: "WAQI", url: "https://waqi.info", credit: "World Air Quality Index Project and the agencies that it names, here CPCB", terms: "" },
];

export function Credits() {
  return (
    <section>
      <h2 id="licences">
        <Trans>Licences and credits</Trans>
      </h2>
      <p>
        <Trans>Vayu's software and its forecasts are under the Apache License 2.0. Data stay under the terms of those who made them:</Trans>
      </p>
      <DataTable
        caption={<Trans>Sources that can be configured</Trans>}
        rows={PROVIDERS}
        rowKey={({ name }) => name}
        columns={[
          { key: "name", title: <Trans>Source</Trans>, cell: ({ name, url }) => <a href={url}>{name}</a> },
          { key: "credit", title: <Trans>Credit</Trans>, cell: ({ credit }) => <span lang="en">{credit}</span> },
          { key: "terms", title: <Trans>Licence</Trans>, cell: ({ terms }) => (terms === "" ? <Trans>the provider's own terms</Trans> : <span lang="en">{terms}</span>) },
        ]}
      />
      <p>
        <Trans>
          The outline of India is from <a href="https://github.com/VictorCazanave/svg-maps">@svg-maps/india</a> by Victor Cazanave, under{" "}
          <a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>; it was reduced to the outline and simplified.
        </Trans>
      </p>
      <p>
        <Trans>
          The index follows CPCB's National Air Quality Index (October 2014) and EPA-454/B-24-002 (May 2024). Intervals follow adaptive
          conformal inference (Gibbs and Candès, 2021), weights MLpol (Gaillard, Stoltz and van Erven, 2014).
        </Trans>
      </p>
      <details>
        <summary>
          <Trans>Open-source packages of this page</Trans>
        </summary>
        <ul className="packages" lang="en">
          {PACKAGES.map(({ name, licence }) => (
            <li key={name}>
              {name}, {licence}
            </li>
          ))}
        </ul>
        <p className="quiet">
          <Trans>
            The service rests on Python, Flask, SQLAlchemy, NumPy, pandas, scikit-learn, XGBoost, PyTorch, ONNX Runtime, PostgreSQL and
            TimescaleDB, among others; its repository lists them all.
          </Trans>
        </p>
      </details>
    </section>
  );
}
