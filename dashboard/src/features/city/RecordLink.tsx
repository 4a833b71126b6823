import { msg } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { confidenceQuery } from "./queries";
import { type Season, seasonOf } from "./season";

const SEASONS: Record<Season, ReturnType<typeof msg>> = {
  winter: msg`winter`,
  "pre-monsoon": msg`the pre-monsoon season`,
  monsoon: msg`the monsoon`,
  "post-monsoon": msg`the post-monsoon season`,
};

/** Fewer forecasts than this say nothing of an interval. */
const ENOUGH = 30;

/** What became of the forecasts of this city, in a sentence, and the way to the whole record. */
export function RecordLink({ slug, name }: { slug: string; name: string }) {
  const { i18n } = useLingui();
  const season = seasonOf(useNow());
  const seasonName = i18n._(SEASONS[season]);
  return (
    <aside className="record-link">
      <Coverage slug={slug} />
      <p>
        <Link href={`/record?city=${encodeURIComponent(slug)}&lead=24&season=${season}`}>
          <Trans>
            How good have we been at 24 h in {name} in {seasonName}?
          </Trans>
        </Link>
      </p>
    </aside>
  );
}

function Coverage({ slug }: { slug: string }) {
  const format = useFormat();
  const { data } = useQuery(confidenceQuery(slug));
  if (data === undefined) return null;
  const pooled = data.pooled;
  if (pooled === null || pooled.n < ENOUGH) {
    return (
      <p>
        <Trans>No forecast of this city is old enough to be judged yet: its intervals rest on the model's own held-out errors.</Trans>
      </p>
    );
  }
  const n = format.number(pooled.n);
  const days = data.days ?? 0;
  const share80 = format.percent(pooled.interval_80.realised);
  const share95 = format.percent(pooled.interval_95.realised);
  return (
    <p>
      <Trans>
        Of {n} forecast hours of the last {days} days, {share80} came within the 80% interval and {share95} within the 95% interval.
      </Trans>
    </p>
  );
}
