import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { PageTitle } from "../../shared/PageTitle";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState } from "../../shared/state/states";
import { useChoice } from "../../shared/useChoice";
import { CityPicker } from "./CityPicker";
import { ComparisonResult } from "./ComparisonResult";
import { comparisonQuery, DAYS } from "./queries";
import "./compare.css";

export const MOST = 10;

export default function ComparePage() {
  const { t } = useLingui();
  const [params, choose] = useChoice();
  const slugs = [...new Set((params.get("cities") ?? "").split(",").filter((slug) => slug !== ""))].slice(0, MOST);
  const days = DAYS.find((number) => String(number) === params.get("days")) ?? 30;
  const query = useQuery(comparisonQuery(slugs, days));
  const names = { 7: t`7 days`, 30: t`30 days`, 90: t`90 days`, 365: t`1 year` };
  return (
    <>
      <PageTitle>{t`Compare cities`}</PageTitle>
      <div className="controls">
        <CityPicker slugs={slugs} onChange={(chosen) => choose("cities", chosen.join(","))} />
        <fieldset className="segmented">
          <legend>
            <Trans>Time</Trans>
          </legend>
          {DAYS.map((number) => (
            <label key={number}>
              <input type="radio" name="days" value={number} checked={days === number} onChange={() => choose("days", String(number))} />
              <span>{names[number]}</span>
            </label>
          ))}
        </fieldset>
      </div>
      {slugs.length < 2 ? (
        <EmptyState title={<Trans>Choose two to ten cities</Trans>}>
          <Trans>The address of this page then holds your choice, and can be sent to others.</Trans>
        </EmptyState>
      ) : (
        <Loaded query={query}>{(comparison) => <ComparisonResult comparison={comparison} slugs={slugs} />}</Loaded>
      )}
    </>
  );
}
