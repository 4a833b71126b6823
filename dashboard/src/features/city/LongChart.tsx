import { useLingui } from "@lingui/react";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useWidth } from "../../shared/chart/useWidth";
import { createFormat } from "../../shared/format/format";
import type { PastPoint } from "./forecastPoints";

interface Props {
  points: PastPoint[];
  label: string;
  unit: string;
  max: number;
}

/** Months of hours or years of days, on a canvas; drag to look closer, double-click for all of it. */
export default function LongChart({ points, label, unit, max }: Props) {
  const { i18n } = useLingui();
  const [ref, width] = useWidth<HTMLDivElement>();
  const chart = useRef<uPlot>(null);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const format = createFormat(i18n.locale);
    const style = getComputedStyle(element);
    const text = style.color;
    // A canvas does not know CSS variables.
    const [line, grid] = [resolve(element, "--line"), resolve(element, "--border")];
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: `12px ${style.fontFamily}` };
    const plot = new uPlot(
      {
        width: element.clientWidth || 640,
        height: 280,
        legend: { live: true },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Asia/Kolkata"),
        scales: { y: { range: [0, max] } },
        axes: [
          { ...axis, values: (_, splits) => splits.map((seconds) => format.dayAndMonth(new Date(seconds * 1000))) },
          { ...axis, size: 52, values: (_, splits) => splits.map((value) => format.number(value)) },
        ],
        series: [
          { label: "IST", value: (_, seconds: number | null) => (seconds === null ? "–" : format.moment(new Date(seconds * 1000))) },
          { label: unit, stroke: line, width: 1.5, points: { show: false }, value: (_, value: number | null) => (value === null ? "–" : format.number(value, 1)) },
        ],
      },
      [points.map(({ time }) => time / 1000), points.map(({ value }) => value)],
      element,
    );
    chart.current = plot;
    return () => {
      chart.current = null;
      plot.destroy();
    };
  }, [points, unit, max, i18n.locale, ref]);
  useEffect(() => chart.current?.setSize({ width, height: 280 }), [width]);
  return <div ref={ref} className="long-chart" role="img" aria-label={label} />;
}

/** The colour a variable has in the theme in use. */
function resolve(element: HTMLElement, variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
