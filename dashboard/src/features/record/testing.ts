import type { Cell, CityScores, Losses, Plume, RecordReliability, RecordWarnings, ScoreTable } from "../../shared/api/schema";

const SEASONS = {
  DJF: { name: "winter", months: [12, 1, 2] },
  MAM: { name: "pre-monsoon", months: [3, 4, 5] },
  JJAS: { name: "monsoon", months: [6, 7, 8, 9] },
  ON: { name: "post-monsoon", months: [10, 11] },
};
const HEAD = { target: "aqi", unit: "AQI", mode: "live", modes: ["live"], simulated: false } as const;

/** Delhi with much, Pune with a loss and with too few hours. */
export function scoreTable(change: Partial<ScoreTable> = {}): ScoreTable {
  return {
    ...HEAD,
    modes: ["live"],
    first_day: "2025-10-01",
    last_day: "2025-11-04",
    leads: [1, 3, 6, 12, 24, 48],
    seasons: SEASONS,
    naive_names: ["persistence", "daily", "mean24", "weekly"],
    count: 3,
    cells: {
      city: ["Delhi", "Pune", "Pune"],
      season: ["ON", "ON", "DJF"],
      lead: [24, 24, 24],
      n: [810, 640, 12],
      days: [35, 30, 1],
      enough: [true, true, false],
      mae: [31.5, 12.9, 9],
      rmse: [42.8, 17, 11],
      bias: [-4.2, 1, 0],
      best_naive: [2, 2, 0],
      skill: [0.204, -0.152, 0.9],
      skill_low: [-0.013, -0.301, null],
      skill_high: [0.371, -0.022, null],
      coverage_80: [0.795, 0.7, 0.8],
      coverage_95: [0.944, 0.9, 0.9],
      width_80: [98.4, 40, 30],
      width_95: [161, 60, 50],
      naive_mae: { persistence: [44.1, 14, 90], daily: [44.1, 14, 91], mean24: [39.6, 11.2, 92], weekly: [51.9, 13, 93] },
    },
    providers: { cell: [], provider: [], n: [], enough: [], mae: [], our_mae: [], our_skill: [], our_skill_low: [], our_skill_high: [] },
    ...change,
  };
}

const CELL: Cell = {
  season: "ON",
  lead: 24,
  n: 810,
  days: 35,
  first_day: "2025-10-01",
  last_day: "2025-11-04",
  enough: true,
  mae: 31.5024,
  rmse: 42.8136,
  bias: -4.2037,
  best_naive: "mean24",
  skill: 0.2044,
  skill_low: -0.0131,
  skill_high: 0.3714,
  coverage_80: 0.795,
  coverage_95: 0.944,
  width_80: 98.4,
  width_95: 161.2,
  naive_mae: { persistence: 44.1, daily: 44.1, mean24: 39.6, weekly: 51.9 },
  providers: [
    {
      provider: "open-meteo",
      n: 790,
      days: 35,
      enough: true,
      mae: 60.1,
      our_mae: 31.7,
      our_skill: 0.4725,
      our_skill_low: 0.3221,
      our_skill_high: 0.5664,
    },
  ],
};

export function cityScores(cells: Cell[] = [CELL]): CityScores {
  return { city: "Delhi", ...HEAD, modes: ["live"], cells };
}

export function losses(change: Partial<Losses> = {}): Losses {
  return {
    ...HEAD,
    modes: ["live"],
    naive: { cells: 12, better: 9, worse: 1, undecided: 2 },
    provider: { cells: 6, better: 6, worse: 0, undecided: 0 },
    too_few: 1,
    count: 1,
    losses: [
      {
        city: "Pune",
        season: "ON",
        lead: 24,
        rival: "mean24",
        kind: "naive",
        n: 640,
        days: 30,
        mae: 11.2,
        our_mae: 12.9,
        skill: -0.152,
        skill_low: -0.301,
        skill_high: -0.022,
        significant: true,
      },
    ],
    ...change,
  };
}

export function reliability(): RecordReliability {
  return {
    city: null,
    lead: 24,
    season: null,
    mode: "live",
    modes: ["live"],
    simulated: false,
    events: {
      category: {
        n: 648,
        base_rate: 0.6,
        bins: [
          { above: 0, below: 0.1, n: 12, enough: false, stated: 0.05, realised: 0 },
          { above: 0.4, below: 0.5, n: 562, enough: true, stated: 0.45, realised: 0.47 },
          { above: 0.9, below: 1, n: 74, enough: true, stated: 0.958, realised: 0.932 },
        ],
      },
    },
  };
}

export function warnings(): RecordWarnings {
  return {
    city: null,
    season: null,
    mode: "live",
    modes: ["live"],
    simulated: false,
    probability: 0.5,
    warnings: [
      {
        above: 300,
        lead: 24,
        n: 810,
        observed: 168,
        base_rate: 0.207,
        warned: 151,
        hits: 121,
        misses: 47,
        false_alarms: 30,
        pod: 0.72,
        far: 0.199,
        csi: 0.611,
        enough: true,
      },
      {
        above: 400,
        lead: 24,
        n: 810,
        observed: 0,
        base_rate: 0,
        warned: 0,
        hits: 0,
        misses: 0,
        false_alarms: 0,
        pod: null,
        far: null,
        csi: null,
        enough: false,
      },
    ],
  };
}

export function plume(truth: number | null = 187): Plume {
  return {
    city: "Delhi",
    target: "aqi",
    unit: "AQI",
    mode: "live",
    simulated: false,
    time: "2025-11-05T10:30:00Z",
    truth,
    counts: true,
    forecasts: {
      lead: [1, 24],
      origin: ["2025-11-05T09:30:00Z", "2025-11-04T10:30:00Z"],
      issued_at: ["2025-11-05T09:42:00Z", "2025-11-04T10:42:00Z"],
      family: ["xgboost", "linear"],
      version: ["v2", "v1"],
      value: [190, 240],
      lower_80: [176, 200],
      upper_80: [204, 280],
      lower_95: [165, 180],
      upper_95: [219, 300],
      naive: {},
      providers: {},
    },
  };
}
