import type { ReactNode } from "react";

interface Entry {
  /** Class of the line or area in plot.css. */
  mark: string;
  area?: boolean;
  text: ReactNode;
}

/** What the lines and areas of a chart mean. */
export function ChartKey({ entries }: { entries: Entry[] }) {
  return (
    <ul className="chart-legend plot">
      {entries.map(({ mark, area = false, text }) => (
        <li key={mark}>
          <svg viewBox="0 0 32 12" aria-hidden="true">
            {area ? <rect className={mark} width="32" height="12" /> : <path className={mark} d="M0,6H32" />}
          </svg>
          {text}
        </li>
      ))}
    </ul>
  );
}
