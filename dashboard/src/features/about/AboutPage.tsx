import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { Trans } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";
import "./about.css";
import { Credits } from "./Credits";
import { Glossary } from "./Glossary";
import { IndexRules } from "./IndexRules";
import { Method } from "./Method";
import { Operate } from "./Operate";

const SECTIONS = [
  { id: "what", name: msg`What Vayu is` },
  { id: "index", name: msg`The index` },
  { id: "bases", name: msg`Measured, implied, modelled, simulated` },
  { id: "forecast", name: msg`The forecast` },
  { id: "record", name: msg`The record` },
  { id: "limits", name: msg`What it cannot do` },
  { id: "licences", name: msg`Licences and credits` },
  { id: "glossary", name: msg`Glossary` },
  { id: "privacy", name: msg`Privacy` },
  { id: "own", name: msg`Run your own` },
];

export default function AboutPage() {
  const { i18n } = useLingui();
  return (
    <div className="prose">
      <PageTitle>{i18n._(msg`About Vayu`)}</PageTitle>
      <nav aria-label={i18n._(msg`On this page`)}>
        <ul className="contents">
          {SECTIONS.map(({ id, name }) => (
            <li key={id}>
              <a href={`#${id}`}>{i18n._(name)}</a>
            </li>
          ))}
        </ul>
      </nav>
      <section>
        <h2 id="what">
          <Trans>What Vayu is</Trans>
        </h2>
        <p>
          <Trans>
            Vayu collects the air quality of 56 Indian cities every hour, forecasts the next 48 hours with an honest margin, keeps every
            forecast as it was issued, and publishes how good each turned out to be. It is open: code, data and record.
          </Trans>
        </p>
      </section>
      <IndexRules />
      <Method />
      <Credits />
      <Glossary />
      <Operate />
    </div>
  );
}
