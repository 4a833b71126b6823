import type { Health, Metrics, Slo, SourceSlo, SourceState } from "../../shared/api/schema";

const MINUTE = 60_000;

/** ISO time so many minutes before now. */
export function ago(minutes: number, now = Date.now()): string {
  return new Date(now - minutes * MINUTE).toISOString();
}

export function source(values: Partial<SourceState> = {}): SourceState {
  return {
    state: "ok",
    resting_until: null,
    last_run: ago(10),
    last_success: ago(10),
    lag_minutes: 70,
    reason: null,
    failures_24h: {},
    ...values,
  };
}

export function health(sources: Record<string, SourceState>, values: Partial<Health> = {}): Health {
  return {
    status: "healthy",
    timestamp: ago(0),
    database: "connected",
    cache: "available",
    version: "0.1.0",
    reasons: [],
    causes: [],
    simulated: false,
    data: { latest: ago(70), age_minutes: 70, cities_current: 54, cities: 56 },
    models: 110,
    models_trained_at: ago(600),
    queue: { waiting: 0, oldest_minutes: null, dead_24h: 0 },
    sources,
    ...values,
  };
}

const TIMES = { mean: 3, p50: 2.5, p95: 10, p99: 25 };

export const METRICS: Metrics = {
  timestamp: ago(0),
  version: "0.1.0",
  requests: {
    total: 1234,
    by_status: { "200": 1230, "404": 4 },
    per_second: 1.5,
    error_rate: 0,
    response_ms: TIMES,
    by_endpoint: [{ method: "GET", path: "/api/v1/overview", requests: 1200, errors: 0, response_ms: TIMES }],
  },
  workers: { number: 2, cpu_seconds: 3, memory_mb: 210.4 },
  cache: { hits: 900, misses: 100, hit_rate: 0.9 },
  database: { connections: 7 },
  queue: null,
  data_age_minutes: 70,
  sources: {},
};

export function sourceSlo(verdict: SourceSlo["verdict"], values: Partial<SourceSlo["last_24h"]> = {}): SourceSlo {
  const delays = { hours: 1296, p50_minutes: 7.2, p95_minutes: 67.4 };
  const window = {
    hours: 23,
    met: 23,
    missed_by_source: 0,
    missed_by_us: 0,
    share: 1,
    budget_left: 1,
    collected: delays,
    committed: { ...delays, p95_minutes: 70.1 },
    forecast: { ...delays, p50_minutes: 10.4, p95_minutes: 71 },
    pushed: null,
    ...values,
  };
  return { verdict, last_24h: window, last_30d: window };
}

export function slo(sources: Record<string, SourceSlo>): Slo {
  return { as_of: "2025-11-05T10:30:00Z", objective: { share: 0.95, within_minutes: 90 }, simulated: false, sources };
}
