import { msg } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { useFormat } from "../../shared/format/format";
import { confidenceQuery } from "./queries";

/** Seasons as the API names them: the initials of their months. */
const SEASONS: Record<string, ReturnType<typeof msg>> = {
  DJF: msg`winter`,
  MAM: msg`the pre-monsoon season`,
  JJAS: msg`the monsoon`,
  ON: msg`the post-monsoon season`,
};

/** Fewer forecasts than this say nothing of an interval. */
const ENOUGH = 30;

interface Props {
  slug: string;
  name: string;
  /** Where the API has the scores of such forecasts; its query says which lead time and season. */
  record: string;
}

/** What became of the forecasts of this city, in a sentence, and the way to the whole record. */
export function RecordLink({ slug, name, record }: Props) {
  const { i18n } = useLingui();
  const scores = new URL(record, window.location.origin).searchParams;
  const lead = scores.get("lead") ?? "24";
  const season = scores.get("season") ?? "";
  const text = SEASONS[season];
  const seasonName = text === undefined ? season : i18n._(text);
  return (
    <aside className="record-link">
      <Coverage slug={slug} />
      <p>
        <Link href={`/record?${new URLSearchParams({ city: slug, lead, season })}`}>
          <Trans>
            How good have we been at {lead} h in {name} in {seasonName}?
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
