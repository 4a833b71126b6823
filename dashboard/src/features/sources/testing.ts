import type { Health, Metrics, SourceState } from "../../shared/api/schema";

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
