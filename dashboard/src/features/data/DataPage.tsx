import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { PageTitle } from "../../shared/PageTitle";
import { Loaded } from "../../shared/state/Loaded";
import { SimulatedNotice } from "../../shared/state/states";
import { overviewQuery, type Overview } from "../overview/queries";
import { Builder, FORMAT_NAMES } from "./Builder";
import { choiceOf, DAYS_MOST, faultOf, historyPath, rowsOf } from "./choice";
import { Archive } from "./Archive";
import "./data.css";
import { Preview } from "./Preview";
import { formatQuery } from "./queries";
import { Use } from "./Use";

export default function DataPage() {
  const { t } = useLingui();
  const cities = useQuery(overviewQuery);
  return (
    <>
      <PageTitle>{t`Data`}</PageTitle>
      <p className="quiet">
        <Trans>
          Choose a city and a time, and take the hours or days as CSV, JSON, Excel or Parquet: as a file, by an address, or into your own program. No key
          is needed.
        </Trans>
      </p>
      <Loaded query={cities}>{(overview) => <Query overview={overview} />}</Loaded>
      <Archive />
      <Terms />
    </>
  );
}

function Query({ overview }: { overview: Overview }) {
  const format = useFormat();
  const now = useNow();
  const [params, setParams] = useSearchParams();
  const choice = choiceOf(params, now);
  const fault = faultOf(choice, now);
  const url = new URL(`/api/v1${historyPath(choice)}`, window.location.origin).href;
  const written = useQuery(formatQuery(choice.format)).data ?? true;
  const kind = FORMAT_NAMES[choice.format];
  const rows = fault === null ? format.number(rowsOf(choice, now)) : "";
  const choose = (name: string, value: string) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        after.set(name, value);
        return after;
      },
      { replace: true },
    );
  return (
    <>
      {overview.simulated ? <SimulatedNotice /> : null}
      <Builder choice={choice} fault={fault} cities={overview.cities} choose={choose} />
      {fault === null && !written ? (
        <p role="alert" className="notice notice-warn">
          <Trans>This server does not write {kind} files. Choose CSV or JSON.</Trans>
        </p>
      ) : null}
      {fault === null && written ? (
        <>
          <p className="actions">
            <a className="button" href={url} download={`${choice.city}.${choice.format}`}>
              <Trans>Download {kind}</Trans>
            </a>
            <span className="quiet">
              <Trans>up to {rows} rows</Trans>
            </span>
          </p>
          <Use url={url} choice={choice} />
        </>
      ) : null}
      <Preview choice={choice} fault={fault} />
    </>
  );
}

function Terms() {
  const format = useFormat();
  const days = format.number(DAYS_MOST);
  return (
    <section className="section" aria-labelledby="terms">
      <h2 id="terms">
        <Trans>What to know</Trans>
      </h2>
      <ul className="bullets">
        <li>
          <Trans>
            Times are UTC and name the <em>end</em> of an hour; Indian hours end at half past. Days are days of Indian Standard Time.
          </Trans>
        </li>
        <li>
          <Trans>Concentrations are in µg/m³, CO in mg/m³. The index has no unit. What is not known is empty, never 0.</Trans>
        </li>
        <li>
          <Trans>
            Each row names its source and its basis: measured, implied by a published index, or modelled. Doubtful values carry flags.
          </Trans>
        </li>
        <li>
          <Trans>
            At most {days} days in one answer. Requests are limited for each address: every answer says how many are left
            (RateLimit-Remaining), and a 429 how long to wait (Retry-After).
          </Trans>
        </li>
        <li>
          <Trans>
            Late corrections change past hours. <code>as_of</code> gives what was known at a time.
          </Trans>
        </li>
        <li>
          <Trans>
            Every endpoint, with all parameters and errors: <a href="/api/v1/docs">documentation of the API</a>, also{" "}
            <a href="/api/v1/openapi.json">for programs</a>.
          </Trans>
        </li>
      </ul>
    </section>
  );
}
