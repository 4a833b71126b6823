import { Trans } from "@lingui/react/macro";
import { apiAddress, type Filters } from "./filters";

/** For those who doubt the record: how it is made, and how to check it. */
export function Method({ filters }: { filters: Filters }) {
  const { target, mode } = filters;
  return (
    <section aria-labelledby="method">
      <h2 id="method">
        <Trans>How it is computed, and how to check it</Trans>
      </h2>
      <ul className="checks">
        <li>
          <Trans>
            A forecast cannot be changed after it was issued: the database refuses it. Its model and inputs are published with hashes, and can be
            run again in this browser, on the page of a city.
          </Trans>
        </li>
        <li>
          <Trans>
            The same hours for all lead times: an hour counts only if it was forecast 1, 3, 6, 12, 24 and 48 hours ahead. Every rival is scored
            on the same hours as we are, on what it said at the same moment.
          </Trans>
        </li>
        <li>
          <Trans>
            The best naive forecast is chosen afterwards, by the hours on which it is scored: nobody could have chosen as well beforehand.
          </Trans>
        </li>
        <li>
          <Trans>With fewer than 30 hours there is a figure and no colour: read nothing into it.</Trans>
        </li>
        <li>
          <Trans>
            The whole table: <a href={apiAddress("scores", { target, mode })}>JSON</a>,{" "}
            <a href={apiAddress("scores", { target, mode, format: "csv" })}>CSV with all digits</a>. Sums day by day are there for each city: a
            mean absolute error is the sum of the errors divided by the number of hours.
          </Trans>
        </li>
      </ul>
    </section>
  );
}
