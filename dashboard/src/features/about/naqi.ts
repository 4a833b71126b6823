import type { PollutantKey } from "../../shared/aqi/pollutants";

/** Concentrations that end the six bands of the Indian index: µg/m³, CO mg/m³. As in `common/domain/breakpoints.py`; a test compares. */
export const NAQI_ENDS: Record<PollutantKey, { hours: 8 | 24; ends: number[] }> = {
  pm25: { hours: 24, ends: [30, 60, 90, 120, 250, 380] },
  pm10: { hours: 24, ends: [50, 100, 250, 350, 430, 510] },
  no2: { hours: 24, ends: [40, 80, 180, 280, 400, 520] },
  so2: { hours: 24, ends: [40, 80, 380, 800, 1600, 2400] },
  co: { hours: 8, ends: [1, 2, 10, 17, 34, 51] },
  o3: { hours: 8, ends: [50, 100, 168, 208, 748, 1287] },
  nh3: { hours: 24, ends: [200, 400, 800, 1200, 1800, 2400] },
};
