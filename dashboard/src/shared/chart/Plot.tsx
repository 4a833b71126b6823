import { type ScaleLinear, scaleLinear } from "d3-scale";
import type { PointerEvent, ReactNode } from "react";
import { CATEGORIES, useCategoryName } from "../aqi/categories";
import { useFormat } from "../format/format";
import { istTicks } from "./ticks";
import { useWidth } from "./useWidth";
import "./plot.css";

export interface Scales {
  x: ScaleLinear<number, number>;
  y: ScaleLinear<number, number>;
}

interface Props {
  /** What the drawing shows, for those who do not see it. */
  label: string;
  /** Milliseconds. */
  start: number;
  end: number;
  max: number;
  /** Written above the axis: "AQI", "µg/m³". */
  unit: string;
  height?: number;
  /** Grid lines at the ends of the categories instead of round numbers. */
  categories?: boolean;
  format?: (value: number) => string;
  /** The time under the pointer. */
  onTime?: ((time: number) => void) | undefined;
  children: (scales: Scales) => ReactNode;
}

const MARGIN = { top: 24, bottom: 36, left: 44 };
const NARROW = 560;
/** Pixels from one time to the next, of which the widest is like 30 अक्टूबर. */
const LABEL = 60;

/** Axes and grid of a chart over time, drawn for the width there is. */
export function Plot(props: Props) {
  const { label, start, end, max, unit, height = 280, categories = false, onTime, children } = props;
  const format = useFormat();
  const categoryName = useCategoryName();
  const [ref, width] = useWidth<HTMLDivElement>();
  const right = categories && width > NARROW ? 96 : 12;
  const x = scaleLinear([start, end], [MARGIN.left, width - right]);
  const y = scaleLinear([0, max], [height - MARGIN.bottom, MARGIN.top]);
  const values = categories ? [0, ...CATEGORIES.map(({ upper }) => upper).filter((upper) => upper <= max)] : y.ticks(5);
  const show = props.format ?? ((value: number) => format.number(value, Number.isInteger(value) ? 0 : 1));
  const move = (event: PointerEvent<SVGSVGElement>) => {
    const left = event.currentTarget.getBoundingClientRect().left;
    onTime?.(Math.min(end, Math.max(start, x.invert(event.clientX - left))));
  };
  return (
    <div ref={ref} className="plot">
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} onPointerMove={move} onPointerDown={move}>
        <text className="axis" x={MARGIN.left - 6} y={12} textAnchor="end">
          {unit}
        </text>
        {values.map((value) => (
          <g key={value}>
            <line className="grid" x1={MARGIN.left} x2={width - right} y1={y(value)} y2={y(value)} />
            <text className="axis" x={MARGIN.left - 6} y={y(value)} dy="0.32em" textAnchor="end">
              {show(value)}
            </text>
          </g>
        ))}
        {right > NARROW / 10
          ? CATEGORIES.map((category, index) => {
              const lower = index === 0 ? 0 : (CATEGORIES[index - 1]?.upper ?? 0);
              if (lower >= max) return null;
              const middle = (lower + Math.min(max, category.upper)) / 2;
              return (
                <text key={category.key} className="axis" x={width - right + 8} y={y(middle)} dy="0.32em">
                  {categoryName(category)}
                </text>
              );
            })
          : null}
        {istTicks(start, end, (width - MARGIN.left - right) / LABEL).map(({ time, midnight }) => (
          <g key={time}>
            <line className={midnight ? "grid grid-day" : "grid"} x1={x(time)} x2={x(time)} y1={MARGIN.top} y2={height - MARGIN.bottom + 4} />
            <text className="axis" x={x(time)} y={height - MARGIN.bottom + 18} textAnchor="middle">
              {midnight ? format.dayAndMonth(new Date(time)) : format.hour(new Date(time))}
            </text>
          </g>
        ))}
        {children({ x, y })}
      </svg>
    </div>
  );
}
