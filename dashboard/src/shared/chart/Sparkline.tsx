import { line } from "d3-shape";

interface Props {
  values: (number | null)[];
  /** The scale's upper end; the lower one is 0. */
  max: number;
  label: string;
}

const WIDTH = 120;
const HEIGHT = 32;

/** A line without axes; hours without a value leave a gap. Its label says what the line shows. */
export function Sparkline({ values, max, label }: Props) {
  const x = (index: number) => 2 + (index * (WIDTH - 4)) / Math.max(1, values.length - 1);
  const y = (value: number) => HEIGHT - 2 - (Math.min(value, max) * (HEIGHT - 4)) / max;
  const path = line<number | null>()
    .defined((value) => value !== null)
    .x((_, index) => x(index))
    .y((value) => y(value ?? 0))(values);
  const last = values.at(-1);
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <path d={path ?? ""} />
      {last === null || last === undefined ? null : <circle cx={x(values.length - 1)} cy={y(last)} r="2.5" />}
    </svg>
  );
}
