import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { ApiError } from "../../shared/api/errors";
import type { Reproduce as Listing } from "../../shared/api/schema";
import { useFormat } from "../../shared/format/format";
import { Loaded } from "../../shared/state/Loaded";
import { Notice } from "../../shared/state/states";
import { UnsupportedModel } from "./onnx";
import { PartError, type Parts } from "./parts";
import { reproduceQuery } from "./queries";
import { forecast, type Recipe } from "./recipe";
import { WhatIf } from "./WhatIf";
import "./reproduce.css";

export interface Hour {
  lead: number;
  time: number;
  issued: number;
  recomputed: number;
  /** Relative to the forecast before it was rounded. */
  difference: number;
  agrees: boolean;
}

const HOUR = 3_600_000;
/** Forecasts are issued to one decimal, the index to a whole number. */
const STEP = 0.1;

/** Computes a forecast again, here in the browser, and shows what other inputs would give. */
export default function Reproduce({ city, issuedAt }: { city: string; issuedAt: string }) {
  const { t } = useLingui();
  const [target, setTarget] = useState<Recipe["target"]>("aqi");
  const query = useQuery(reproduceQuery(city, issuedAt, target));
  return (
    <section className="stack" aria-label={t`The forecast, computed again`}>
      <fieldset className="segmented">
        <legend className="visually-hidden">
          <Trans>Compute again</Trans>
        </legend>
        {(["aqi", "pm25"] as const).map((name) => (
          <label key={name}>
            <input type="radio" name="reproduce-target" checked={target === name} onChange={() => setTarget(name)} />
            <span>{name === "aqi" ? t`Index` : "PM2.5"}</span>
          </label>
        ))}
      </fieldset>
      <Refused error={query.error} city={city}>
        <Loaded query={query}>{({ listing, parts }) => <Result key={target} city={city} listing={listing} parts={parts} />}</Loaded>
      </Refused>
    </section>
  );
}

/** Reasons for which trying again is of no use. */
function Refused({ error, city, children }: { error: Error | null; city: string; children: React.ReactNode }) {
  if (error instanceof PartError) {
    const { part } = error;
    return (
      <Notice>
        <Trans>The part “{part}” is not the one that is listed: its SHA-256 is another. Nothing was computed from it.</Trans>
      </Notice>
    );
  }
  if (error instanceof ApiError && error.status === 410) {
    return (
      <Notice kind="info">
        <Trans>What this forecast was computed from is not kept any more. It is kept for three days.</Trans>
      </Notice>
    );
  }
  if (crypto.subtle === undefined) {
    return (
      <Notice>
        <Trans>This browser checks hashes only on pages that come by https.</Trans> <Command city={city} />
      </Notice>
    );
  }
  return children;
}

function Command({ city }: { city: string }) {
  const command = `vayu reproduce ${city}`;
  return (
    <Trans>
      The command <code>{command}</code> computes it everywhere.
    </Trans>
  );
}

/** Whether hour by hour the same comes out. */
export function compare({ issued, origin, tolerance }: Listing, recipe: Recipe, again: number[]): Hour[] {
  return again.map((recomputed, at) => {
    const before = recipe.y[at] ?? Number.NaN;
    const value = issued.values[at] ?? Number.NaN;
    const near = tolerance * Math.max(before, 1);
    return {
      lead: at + 1,
      time: Date.parse(origin) + (at + 1) * HOUR,
      issued: value,
      recomputed,
      difference: Math.abs(recomputed - before) / Math.max(before, 1),
      agrees: Math.abs(recomputed - before) <= near && Math.abs(recomputed - value) <= (recipe.whole ? 1 : STEP) / 2 + near,
    };
  });
}

function Result({ city, listing, parts }: { city: string; listing: Listing; parts: Parts }) {
  const hours = useMemo(() => {
    try {
      return compare(listing, parts.recipe, forecast(parts.recipe, parts.model, parts.matrix));
    } catch (error) {
      if (error instanceof UnsupportedModel) return null;
      throw error;
    }
  }, [listing, parts]);
  if (hours === null) {
    return (
      <Notice kind="info">
        <Trans>This forecast has a model of a kind that is not computed in the browser, such as an LSTM.</Trans> <Command city={city} />
      </Notice>
    );
  }
  return (
    <>
      <Verdict hours={hours} listing={listing} />
      <WhatIf hours={hours} parts={parts} />
    </>
  );
}

function Verdict({ hours, listing }: { hours: Hour[]; listing: Listing }) {
  const format = useFormat();
  const differing = hours.filter(({ agrees }) => !agrees).length;
  const largest = Math.max(...hours.map(({ difference }) => difference)).toExponential(1);
  const issued = format.fullMoment(listing.issued_at);
  const { model } = listing;
  const kilobytes = format.number(listing.parts.reduce((sum, part) => sum + part.bytes, 0) / 1000);
  return (
    <>
      <p className="reproduce-verdict" data-agrees={differing === 0} role="status">
        {differing === 0 ? (
          <Trans>Your browser computed the same forecast: all 48 hours agree.</Trans>
        ) : (
          <Plural value={differing} one="# of 48 hours differs from what was issued." other="# of 48 hours differ from what was issued." />
        )}
      </p>
      <p className="quiet">
        <Trans>
          Issued on {issued} by model {model}. Model, inputs and weights ({kilobytes} kB) have the listed SHA-256. Largest difference: {largest} of the
          value.
        </Trans>
      </p>
    </>
  );
}
