import type { Alert, Delivery, Preview, RuleScore } from "./types";

export function alert(values: Partial<Alert> = {}): Alert {
  return {
    id: "0b0f5b0e-5d6c-4d0e-9a55-3f3f7c1f9c10",
    city: "Delhi",
    state: "active",
    disabled_because: null,
    when: { on: "forecast", target: "aqi", above: 300, clear_below: 270, within_hours: 24, probability: 0.5, dwell: 2 },
    to: { channel: "webhook", address: "https://example.org/…" },
    language: "en",
    quiet_hours: null,
    repeat_after_hours: 12,
    phase: "clear",
    since: "2025-11-05T10:30:00Z",
    created_at: "2025-11-05T10:42:00Z",
    simulated: false,
    ...values,
  };
}

export function delivery(values: Partial<Delivery> = {}): Delivery {
  return {
    id: "5f2f8c8e-52a4-4f6e-8a39-0f35c9f1f0b7",
    kind: "firing",
    episode: "8e03978e-40d5-53e8-bc93-6894a57f9324",
    event: 1042,
    status: "delivered",
    attempts: 1,
    response_status: 204,
    error: null,
    created_at: "2025-11-05T11:42:00Z",
    next_attempt_at: null,
    delivered_at: "2025-11-05T11:42:01Z",
    ...values,
  };
}

export function preview(values: Partial<Preview> = {}): Preview {
  return {
    city: "Delhi",
    from: "2025-08-07T10:30:00Z",
    to: "2025-11-05T10:30:00Z",
    when: alert().when,
    mode: "live",
    hours: 2100,
    issues: 2150,
    alerts: 3,
    hits: 2,
    false_alarms: 1,
    misses: 1,
    pod: 0.667,
    far: 0.333,
    csi: 0.5,
    median_warning_hours: 7.5,
    late: 0,
    episodes: [
      { from: "2025-10-20T15:30:00Z", to: "2025-10-21T03:30:00Z", peak: 371, outcome: "hit", warned_at: "2025-10-20T08:30:00Z", warning_hours: 7 },
      { from: "2025-11-01T15:30:00Z", to: "2025-11-02T01:30:00Z", peak: 322, outcome: "miss", warned_at: null, warning_hours: null },
    ],
    simulated: false,
    ...values,
  };
}

export function score(values: Partial<RuleScore> = {}): RuleScore {
  return {
    id: alert().id,
    n: 13,
    hits: 8,
    false_alarms: 3,
    misses: 2,
    pod: 0.8,
    far: 0.273,
    csi: 0.615,
    median_warning_hours: 14,
    late: 1,
    outcomes: [
      {
        kind: "hit",
        time: "2025-11-04T17:30:00Z",
        until: "2025-11-05T06:30:00Z",
        peak: 342,
        warned_at: "2025-11-04T03:30:00Z",
        warning_hours: 14,
      },
      { kind: "false alarm", time: "2025-11-01T03:30:00Z", until: null, peak: null, warned_at: "2025-11-01T03:30:00Z", warning_hours: null },
    ],
    ...values,
  };
}

export const NO_SCORE = score({
  n: 0,
  hits: 0,
  false_alarms: 0,
  misses: 0,
  pod: null,
  far: null,
  csi: null,
  median_warning_hours: null,
  late: 0,
  outcomes: [],
});

interface Entry {
  seq: number;
  kind: "firing" | "repeat" | "clear";
  rule?: "measured" | "expected";
  city: string;
  title: string;
}

/** A feed as the service writes it; the first entry is the newest. */
export function feed(...entries: Entry[]): string {
  const written = entries.map(
    ({ seq, kind, rule = "measured", city, title }) => `<entry>
      <id>http://vayu.test/api/v1/alerts/cap/${seq}.xml#en-IN</id><title>${title}</title>
      <updated>2025-11-05T${String(10 + (seq % 10)).padStart(2, "0")}:42:00+05:30</updated>
      <link rel="alternate" type="text/html" href="http://vayu.test/city/${city.toLowerCase()}"/>
      <link rel="enclosure" type="application/cap+xml" href="http://elsewhere.test/api/v1/alerts/cap/${seq}.xml"/>
      <category term="${kind}"/><category term="${rule}"/><category term="${city.toLowerCase()}" label="${city}"/>
      <summary>Stay inside.</summary></entry>`,
  );
  return `<?xml version='1.0' encoding='utf-8'?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en-IN"><title>Alerts</title>${written.join("")}</feed>`;
}
