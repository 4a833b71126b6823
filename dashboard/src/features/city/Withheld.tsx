import { Trans } from "@lingui/react/macro";
import type { Pollutant, Pollutants } from "../../shared/api/schema";

/** An index needs so many sub-indices, one of them of particles. */
const LEAST = 3;

/** Why there is no index, told from the parts it would be made of; what they do not tell is said in the API's words. */
export function IndexWithheld({ now }: { now: Pollutants }) {
  const having = Object.entries(now.pollutants).flatMap(([name, { sub_index }]) => (sub_index === null ? [] : [name]));
  const number = having.length;
  if (now.standard === "in-naqi" && number < LEAST) {
    return (
      <Trans>
        It needs sub-indices of at least {LEAST} pollutants; there are {number}. The table under “Pollutants” says what each lacks.
      </Trans>
    );
  }
  if (now.standard === "in-naqi" && !having.includes("pm25") && !having.includes("pm10")) {
    return <Trans>It needs a sub-index of PM2.5 or PM10; neither has one. The table under “Pollutants” says what each lacks.</Trans>;
  }
  return <span lang="en">{now.withheld}</span>;
}

/** Why a pollutant has no sub-index. */
export function SubIndexWithheld({ pollutant }: { pollutant: Pollutant }) {
  const { hours_present: present, hours_required: required, hours_window: whole, window_mean: mean, withheld } = pollutant;
  if (present !== null && required !== null && present < required) {
    return (
      <Trans>
        {present} of {whole} hours present, {required} needed
      </Trans>
    );
  }
  if (mean === 0) return <Trans>a mean of 0 counts as missing</Trans>;
  return <span lang="en">{withheld ?? "–"}</span>;
}
