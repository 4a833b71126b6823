import { Trans } from "@lingui/react/macro";
import { Link } from "wouter";

export function Footer() {
  return (
    <footer className="footer">
      <p>
        <Trans>
          Measurements: CPCB under the Government Open Data License – India; OpenAQ, OpenWeather, IQAir and Open-Meteo under their own
          terms, named beside each value. Forecasts and software: Vayu, Apache 2.0.
        </Trans>
      </p>
      <p>
        <Trans>
          Outline of India: <a href="https://github.com/VictorCazanave/svg-maps">@svg-maps/india</a>, CC BY 4.0, simplified. Times are
          Indian Standard Time (UTC+5:30).
        </Trans>
      </p>
      <p>
        <Link href="/about">
          <Trans>Method, licences, glossary</Trans>
        </Link>{" "}
        ·{" "}
        <a href="/api/v1/docs">
          <Trans>API</Trans>
        </a>
      </p>
    </footer>
  );
}
