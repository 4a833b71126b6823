import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { pollutantName } from "../../shared/aqi/pollutants";

const TEXTS: Record<string, ReturnType<typeof msg>> = {
  spike: msg`a sudden jump`,
  stuck: msg`the same value for hours`,
  outlier: msg`unlike the other stations`,
  gap: msg`hours without any data`,
  stopped: msg`a station has stopped sending`,
  "pm25>pm10": msg`PM2.5 above PM10`,
  excluded: msg`not counted`,
};

/** A flag such as "spike:pm10" in words; docs/quality.md explains each. */
export function useFlagText(): (flag: string) => string {
  const { i18n } = useLingui();
  return (flag) => {
    const [kind = flag, pollutant] = flag.split(":");
    const text = TEXTS[kind];
    const words = text === undefined ? kind : i18n._(text);
    return pollutant === undefined ? words : `${pollutantName(pollutant)}: ${words}`;
  };
}
