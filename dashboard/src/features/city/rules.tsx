import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";

/** The API's rules of the Indian index (`RULES` of `common/domain/aqi.py`), by its own words. */
export const RULES: Record<string, ReturnType<typeof msg>> = {
  "sub-index of a 24 h mean from at least 16 hours; of CO and O3 of an 8 h mean from at least 6 hours": msg`A sub-index is that of a 24 h mean from at least 16 hours; of CO and O₃ of an 8 h mean from at least 6 hours.`,
  "O3 above an 8 h mean of 208 µg/m³: sub-index of the latest 1 h value, never below 300": msg`O₃ above an 8 h mean of 208 µg/m³: the sub-index of the latest 1 h value, never below 300.`,
  "a mean of 0 counts as missing": msg`A mean of 0 counts as missing.`,
  "AQI = highest sub-index, given at least 3 of them, one of PM2.5 or PM10; capped at 500": msg`The index is the highest sub-index, given at least 3 of them, one of PM2.5 or PM10; capped at 500.`,
  "city AQI = mean of its stations' AQIs": msg`The index of a city is the mean of its stations' indices.`,
};

/** Why another source speaks for the city, by the API's codes (`RANKING` of `common/quality/explanation.py`). */
const BEHIND: Record<string, ReturnType<typeof msg>> = {
  index: msg`it gives no index for this hour`,
  basis: msg`a better basis comes first: measured, implied, modelled`,
  concentrations: msg`it gives no concentrations`,
  stations: msg`the other source has more stations`,
  name: msg`the other source comes first by name`,
};

function InWords({ message, text }: { message: ReturnType<typeof msg> | undefined; text: string }) {
  const { i18n } = useLingui();
  return message === undefined ? <span lang="en">{text}</span> : i18n._(message);
}

/** A rule of the index; one that is new here in the API's words. */
export function Rule({ rule }: { rule: string }) {
  return <InWords message={RULES[rule]} text={rule} />;
}

/** Why a source does not count; by a code that is new here in the API's words. */
export function Behind({ reason, why }: { reason: string | undefined; why: string }) {
  return <InWords message={reason === undefined ? undefined : BEHIND[reason]} text={why} />;
}
