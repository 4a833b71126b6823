import { useLingui } from "@lingui/react";
import { Trans } from "@lingui/react/macro";
import { GLOSSARY } from "./terms";

export function Glossary() {
  const { i18n } = useLingui();
  return (
    <section>
      <h2 id="glossary">
        <Trans>Glossary</Trans>
      </h2>
      <dl className="terms">
        {GLOSSARY.map(({ term, name, meaning }) => (
          <div key={term}>
            <dt>{i18n._(name)}</dt>
            <dd>{i18n._(meaning)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
