import type { ReactNode } from "react";

interface Props {
  label: ReactNode;
  count: number;
  index: number;
  onIndex: (index: number) => void;
  /** The chosen hour in words. */
  children: ReactNode;
}

/** Reads a chart hour by hour: by keyboard, touch, and with a screen reader. */
export function HourSlider({ label, count, index, onIndex, children }: Props) {
  return (
    <div className="hour-slider">
      <label>
        <span className="quiet">{label}</span>
        <input type="range" min={0} max={count - 1} step={1} value={index} onChange={({ target }) => onIndex(Number(target.value))} />
      </label>
      <output aria-live="polite">{children}</output>
    </div>
  );
}
