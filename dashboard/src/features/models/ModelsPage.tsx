import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { citiesQuery } from "../../shared/api/cities";
import { CityAndTarget } from "../../shared/CityAndTarget";
import { PageTitle } from "../../shared/PageTitle";
import { useExpertName } from "../../shared/format/experts";
import { type Choice, choiceOf, FAMILIES, STATUSES } from "./choice";
import { CityModels } from "./CityModels";
import { ModelList } from "./ModelList";
import { useStatusName } from "./words";
import "./models.css";

export default function ModelsPage() {
  const { t } = useLingui();
  const [params, setParams] = useSearchParams();
  const choice = choiceOf(params);
  const choose = (name: keyof Choice, value: string) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (value === "") after.delete(name);
        else after.set(name, value);
        if (name !== "page") after.delete("page");
        return after;
      },
      { replace: name !== "page" },
    );
  return (
    <>
      <PageTitle>{t`Models`}</PageTitle>
      <p>
        <Trans>
          Each city has models of its own, trained every day on what was measured there. A forecast is a weighted mean of them and of simple
          rules; who did better of late counts more.
        </Trans>
      </p>
      <Controls choice={choice} onChoose={choose} />
      {choice.city === null ? null : <CityModels key={choice.city} city={choice.city} target={choice.target} />}
      <section className="section" aria-labelledby="versions">
        <h2 id="versions">
          <Trans>Versions</Trans>
        </h2>
        <ModelList choice={choice} onPage={(page) => choose("page", String(page))} />
      </section>
    </>
  );
}

function Controls({ choice, onChoose }: { choice: Choice; onChoose: (name: keyof Choice, value: string) => void }) {
  const { t } = useLingui();
  const expertName = useExpertName();
  const statusName = useStatusName();
  const cities = useQuery(citiesQuery).data?.cities ?? [];
  return (
    <div className="controls">
      <CityAndTarget city={choice.city} target={choice.target} cities={cities} onChoose={onChoose} />
      <label>
        <Trans>Family</Trans>
        <select value={choice.family ?? ""} onChange={({ target }) => onChoose("family", target.value)}>
          <option value="">{t`All`}</option>
          {FAMILIES.map((family) => (
            <option key={family} value={family}>
              {expertName(family)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <Trans>Status</Trans>
        <select value={choice.status ?? ""} onChange={({ target }) => onChoose("status", target.value)}>
          <option value="">{t`All`}</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>
              {statusName(status)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
