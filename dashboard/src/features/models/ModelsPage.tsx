import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { citiesQuery } from "../../shared/api/cities";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { PageTitle } from "../../shared/PageTitle";
import { type Choice, choiceOf, FAMILIES, STATUSES } from "./choice";
import { CityModels } from "./CityModels";
import { ModelList } from "./ModelList";
import { useExpertName, useStatusName } from "./words";
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
  const format = useFormat();
  const placeName = usePlaceName();
  const expertName = useExpertName();
  const statusName = useStatusName();
  const cities = (useQuery(citiesQuery).data?.cities ?? [])
    .map(({ slug, name }) => ({ slug, name: placeName(name) }))
    .toSorted((a, b) => format.compare(a.name, b.name));
  const { city } = choice;
  return (
    <div className="controls">
      <label>
        <Trans>City</Trans>
        <select value={city ?? ""} onChange={({ target }) => onChoose("city", target.value)}>
          <option value="">{t`All cities`}</option>
          {city === null || cities.some(({ slug }) => slug === city) ? null : <option value={city}>{city}</option>}
          {cities.map(({ slug, name }) => (
            <option key={slug} value={slug}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <Trans>Forecast of</Trans>
        <select value={choice.target} onChange={({ target }) => onChoose("target", target.value)}>
          <option value="aqi">{t`Index (NAQI)`}</option>
          <option value="pm25">PM2.5</option>
        </select>
      </label>
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
