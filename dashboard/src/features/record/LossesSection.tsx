import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { Tally } from "../../shared/api/schema";
import { DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { usePlaceName } from "../../shared/i18n/i18n";
import { Loaded } from "../../shared/state/Loaded";
import type { Filters } from "./filters";
import { lossesQuery } from "./queries";
import { useRivalName, useSeasonName } from "./words";

/** The balance, and every cell in which somebody else did better, worst first. */
export function LossesSection({ filters }: { filters: Filters }) {
  const format = useFormat();
  const placeName = usePlaceName();
  const seasonName = useSeasonName();
  const rivalName = useRivalName();
  const { signed } = format;
  return (
    <section aria-labelledby="losses">
      <h2 id="losses">
        <Trans>Where we win, where we lose</Trans>
      </h2>
      <Loaded query={useQuery(lossesQuery(filters))}>
        {({ naive, provider, losses, count, too_few: tooFew, unit }) => {
          const shown = losses.length;
          return (
            <>
              <div className="verdict">
                <Balance tally={naive} title={<Trans>Against the best naive forecast</Trans>} />
                {provider.cells === 0 ? null : <Balance tally={provider} title={<Trans>Against providers’ own forecasts</Trans>} />}
              </div>
              <p className="quiet">
                <Trans>
                  A cell is a city, a season and a lead time. It counts as better or worse if its whole 95% interval is on that side. Cells with
                  fewer than 30 hours are left out: {tooFew}.
                </Trans>
              </p>
              {count === 0 ? (
                <p>
                  <Trans>No rival has a smaller error in any cell of this part of the record.</Trans>
                </p>
              ) : (
                <DataTable
                  caption={
                    <Trans>
                      Cells in which a rival did better: {shown} of {count}, worst first
                    </Trans>
                  }
                  rows={losses}
                  rowKey={(loss) => `${loss.city} ${loss.season} ${loss.lead} ${loss.rival}`}
                  columns={[
                    { key: "city", title: <Trans>City</Trans>, cell: (loss) => placeName(loss.city) },
                    { key: "season", title: <Trans>Season</Trans>, cell: (loss) => seasonName(loss.season) },
                    { key: "lead", title: <Trans>Hours ahead</Trans>, numeric: true, cell: (loss) => format.number(loss.lead) },
                    { key: "rival", title: <Trans>Better was</Trans>, cell: (loss) => rivalName(loss.rival) },
                    { key: "skill", title: <Trans>Our skill</Trans>, numeric: true, cell: (loss) => signed(loss.skill) },
                    {
                      key: "interval",
                      title: <Trans>95% interval</Trans>,
                      numeric: true,
                      cell: (loss) =>
                        loss.skill_low === null || loss.skill_high === null
                          ? "–"
                          : `${signed(loss.skill_low)} … ${signed(loss.skill_high)}`,
                    },
                    {
                      key: "errors",
                      title: <Trans>Errors: ours, its, {unit}</Trans>,
                      numeric: true,
                      cell: (loss) => `${format.number(loss.our_mae, 1)}, ${format.number(loss.mae, 1)}`,
                    },
                    { key: "n", title: <Trans>Hours</Trans>, numeric: true, cell: (loss) => format.number(loss.n) },
                    {
                      key: "sure",
                      title: <Trans>Certain?</Trans>,
                      cell: (loss) => (loss.significant ? <Trans>yes</Trans> : <Trans>could be chance</Trans>),
                    },
                  ]}
                />
              )}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

function Balance({ tally, title }: { tally: Tally; title: React.ReactNode }) {
  const { cells, better, worse, undecided } = tally;
  return (
    <div>
      <h3>{title}</h3>
      <dl>
        <dt>
          <Trans>better</Trans>
        </dt>
        <dd>
          <Trans>
            {better} of {cells}
          </Trans>
        </dd>
        <dt>
          <Trans>worse</Trans>
        </dt>
        <dd>{worse}</dd>
        <dt>
          <Trans>undecided</Trans>
        </dt>
        <dd>{undecided}</dd>
      </dl>
    </div>
  );
}
