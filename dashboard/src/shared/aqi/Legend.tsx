import { Trans } from "@lingui/react/macro";
import { CATEGORIES, useCategoryName } from "./categories";

/** The ramp of maps, tiles and heat strips; shown wherever the ramp is; `noIndex` where something may be without one. */
export function RampLegend({ noIndex = false }: { noIndex?: boolean }) {
  const name = useCategoryName();
  return (
    <div className="legend">
      <p className="legend-title">
        <Trans>Air quality index (NAQI, no unit)</Trans>
      </p>
      <ul>
        {CATEGORIES.map((category, index) => {
          const lower = index === 0 ? 0 : (CATEGORIES[index - 1]?.upper ?? 0) + 1;
          return (
            <li key={category.key}>
              <span className="swatch" data-ramp={category.key} aria-hidden="true" />
              {name(category)} <span className="quiet">{`${lower}–${category.upper}`}</span>
            </li>
          );
        })}
        {noIndex ? (
          <li>
            <span className="swatch" data-ramp="none" aria-hidden="true" />
            <Trans>No index</Trans>
          </li>
        ) : null}
      </ul>
    </div>
  );
}
