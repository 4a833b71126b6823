import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";

const BASES = {
  measured: msg`measured at stations`,
  implied: msg`implied by a published index`,
  modelled: msg`modelled, not measured`,
  simulated: msg`simulated, not real`,
};

const SOURCES: Record<string, string> = {
  cpcb: "CPCB (data.gov.in)",
  "cpcb-feed": "CPCB",
  iqair: "IQAir",
  "open-meteo": "Open-Meteo",
  openaq: "OpenAQ",
  openweather: "OpenWeather",
  simulated: "Vayu Simulator",
  waqi: "WAQI",
};

/** What kind of value an hour has; simulated data are never called anything else. */
export function useBasis(): (basis: string | null | undefined, simulated: boolean) => string {
  const { i18n } = useLingui();
  return (basis, simulated) => {
    if (simulated) return i18n._(BASES.simulated);
    if (basis === "measured" || basis === "implied" || basis === "modelled") return i18n._(BASES[basis]);
    return i18n._(msg`basis unknown`);
  };
}

/** Who an hour is from, and what kind of value it is: "CPCB, measured at stations". */
export function useOrigin(): (hour: { source: string | null; basis: string | null }, simulated: boolean) => string {
  const describe = useBasis();
  return ({ source, basis }, simulated) => {
    const kind = describe(basis, simulated);
    return source === null || simulated ? kind : `${sourceName(source)}, ${kind}`;
  };
}

/** A provider as readers know it. */
export function sourceName(source: string): string {
  return SOURCES[source] ?? source;
}
