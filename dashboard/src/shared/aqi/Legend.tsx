import { Trans } from "@lingui/react/macro";
import { CATEGORIES, useCategoryName } from "./categories";

/** The ramp of maps, tiles and heat strips; shown wherever the ramp is. */
export function RampLegend() {
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
        <li>
          <span className="swatch" data-ramp="none" aria-hidden="true" />
          <Trans>No index</Trans>
        </li>
      </ul>
    </div>
  );
}
