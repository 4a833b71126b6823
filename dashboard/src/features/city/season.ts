/** Seasons of the India Meteorological Department, as the API names them. */
export type Season = "winter" | "pre-monsoon" | "monsoon" | "post-monsoon";

const BY_MONTH: Season[] = [
  "winter",
  "winter",
  "pre-monsoon",
  "pre-monsoon",
  "pre-monsoon",
  "monsoon",
  "monsoon",
  "monsoon",
  "monsoon",
  "post-monsoon",
  "post-monsoon",
  "post-monsoon",
];

/** The season of a moment, by the month of Indian time. */
export function seasonOf(time: number): Season {
  const month = new Date(time + 5.5 * 3_600_000).getUTCMonth();
  return BY_MONTH[month] ?? "winter";
}
