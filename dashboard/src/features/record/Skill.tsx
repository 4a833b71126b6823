import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { useFormat } from "../../shared/format/format";
import { grade } from "./words";

export interface Scored {
  n: number;
  enough: boolean;
  skill: number | null;
  skill_low: number | null;
  skill_high: number | null;
}

/** A cell of a table: skill, its interval, hours. No colour below 30 hours. */
export function SkillCell({ cell, children }: { cell: Scored | undefined; children?: (text: string) => ReactNode }) {
  const format = useFormat();
  const { signed } = format;
  if (cell === undefined) return <td className="skill">–</td>;
  const text = signed(cell.skill);
  const n = format.number(cell.n);
  return (
    <td className="skill" data-grade={grade(cell.skill, cell.enough)}>
      <strong>{children === undefined ? text : children(text)}</strong>
      <small>
        {cell.skill_low === null || cell.skill_high === null ? (
          <Trans>no interval</Trans>
        ) : (
          `${signed(cell.skill_low)} … ${signed(cell.skill_high)}`
        )}
      </small>
      <small>{cell.enough ? <Trans>{n} h</Trans> : <Trans>{n} h: too few</Trans>}</small>
    </td>
  );
}

/** What the colours and figures of skill mean. */
export function SkillKey() {
  return (
    <>
      <p className="quiet">
        <Trans>
          Skill: how much smaller our mean absolute error is than that of the best naive forecast, chosen in hindsight. 0% is no better than
          that. Below it the 95% interval, by a bootstrap of blocks of days, and the hours compared.
        </Trans>
      </p>
      <ul className="grades">
        <li>
          <span className="swatch" data-grade="much-better" />
          <Trans>15% better or more</Trans>
        </li>
        <li>
          <span className="swatch" data-grade="better" />
          <Trans>better</Trans>
        </li>
        <li>
          <span className="swatch" data-grade="even" />
          <Trans>within 2%</Trans>
        </li>
        <li>
          <span className="swatch" data-grade="worse" />
          <Trans>worse</Trans>
        </li>
        <li>
          <span className="swatch" data-grade="much-worse" />
          <Trans>10% worse or more</Trans>
        </li>
        <li>
          <span className="swatch" data-grade="none" />
          <Trans>fewer than 30 hours</Trans>
        </li>
      </ul>
    </>
  );
}
