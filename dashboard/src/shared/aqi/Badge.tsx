import { useFormat } from "../format/format";
import { categoryOf, useCategoryName } from "./categories";

/** An index with its category on the official colour. */
export function AqiBadge({ aqi, large = false }: { aqi: number; large?: boolean }) {
  const format = useFormat();
  const name = useCategoryName();
  const category = categoryOf(aqi);
  return (
    <span className={large ? "badge badge-large" : "badge"} data-category={category.key}>
      <span className="badge-number">
        <abbr title="Air quality index, Indian standard (NAQI), 0 to 500">AQI</abbr> {format.number(aqi)}
      </span>
      <span className="badge-word">{name(category)}</span>
    </span>
  );
}
