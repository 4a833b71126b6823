/** Pollutants in the order of the pages, with the names readers know. */
export const POLLUTANTS = {
  pm25: "PM2.5",
  pm10: "PM10",
  no2: "NO₂",
  so2: "SO₂",
  co: "CO",
  o3: "O₃",
  nh3: "NH₃",
} as const;

export type PollutantKey = keyof typeof POLLUTANTS;

export function isPollutant(key: string): key is PollutantKey {
  return key in POLLUTANTS;
}

export const POLLUTANT_KEYS = Object.keys(POLLUTANTS).filter(isPollutant);

export function pollutantName(key: string): string {
  return isPollutant(key) ? POLLUTANTS[key] : key;
}
