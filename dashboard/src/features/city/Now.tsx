import { Plural, Trans } from "@lingui/react/macro";
import { useState } from "react";
import { AqiBadge } from "../../shared/aqi/Badge";
import { pollutantName } from "../../shared/aqi/pollutants";
import type { Pollutants } from "../../shared/api/schema";
import { sourceName, useBasis } from "../../shared/format/basis";
import { useFormat } from "../../shared/format/format";
import { useNow } from "../../shared/format/useNow";
import { Notice } from "../../shared/state/states";
import { Explanation } from "./Explanation";
import { useFlagText } from "./flags";
import { IndexWithheld } from "./Withheld";

/** The latest hour: index, category, what drives it, source, age, basis, and what is doubtful. */
export function Now({ slug, now }: { slug: string; now: Pollutants }) {
  const format = useFormat();
  const basis = useBasis();
  const flagText = useFlagText();
  const clock = useNow();
  const [open, setOpen] = useState(false);
  const age = format.relative(now.timestamp, clock);
  const end = format.moment(now.timestamp);
  const source = now.source === null ? null : sourceName(now.source);
  return (
    <div className="now">
      {now.stale ? (
        <Notice>
          {source === null ? (
            <Trans>Nothing has arrived since {end}, {age}.</Trans>
          ) : (
            <Trans>
              {source} has sent nothing since {end}, {age}. This is the last known hour.
            </Trans>
          )}
        </Notice>
      ) : null}
      {now.aqi === null ? (
        <p className="no-value">
          <Trans>No index for this hour.</Trans> <IndexWithheld now={now} />
        </p>
      ) : (
        <p>
          <AqiBadge aqi={now.aqi} large />
        </p>
      )}
      <dl className="facts">
        <div>
          <dt>
            <Trans>Hour</Trans>
          </dt>
          <dd>
            <Trans>
              ending {end}, {age}
            </Trans>
          </dd>
        </div>
        <div>
          <dt>
            <Trans>Source</Trans>
          </dt>
          <dd>
            {source ?? "–"}, {basis(now.basis, now.simulated)}
            {now.basis === "measured" && !now.simulated ? (
              <>
                , <Plural value={now.stations} one="# station" other="# stations" />
              </>
            ) : null}
          </dd>
        </div>
        {now.dominant_pollutant === null ? null : (
          <div>
            <dt>
              <Trans>Driven by</Trans>
            </dt>
            <dd>{pollutantName(now.dominant_pollutant)}</dd>
          </div>
        )}
        {now.flags.length === 0 ? null : (
          <div>
            <dt>
              <Trans>Doubtful</Trans>
            </dt>
            <dd>{now.flags.map(flagText).join("; ")}</dd>
          </div>
        )}
      </dl>
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          <Trans>Why this index?</Trans>
        </summary>
        {open ? <Explanation slug={slug} /> : null}
      </details>
    </div>
  );
}
