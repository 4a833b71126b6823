import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http, type JsonBodyType } from "msw";
import { beforeEach, expect, test } from "vitest";
import type { Job, Model, Performance } from "../../shared/api/schema";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import { choiceOf } from "./choice";
import ModelsPage from "./ModelsPage";

const MODEL: Model = {
  version: "delhi-aqi-linear-20251105T0230Z-1f0c9a2e",
  city: "Delhi",
  target: "aqi",
  mode: "live",
  family: "linear",
  status: "champion",
  reason: "MAE 21.3 against 24.8",
  trained_at: "2025-11-05T02:30:00Z",
  window_start: "2025-08-05T00:30:00Z",
  window_end: "2025-11-05T00:30:00Z",
  samples: 2100,
  features_hash: "f",
  checksum: "1f0c9a2eabcdef000000",
  promoted_at: "2025-11-05T02:31:00Z",
  metrics: { holdout: { skill: 0.14, mae: 21.32, rmse: 30.2, r2: 0.79 }, by_lead: [{ lead: 1, skill: 0.2 }, { lead: 24, skill: 0.1 }] },
};

const SCORES = {
  n: 700,
  mae: 22.14,
  rmse: 31,
  bias: 0,
  mape: null,
  r2: 0.77,
  skill: 0.11,
  best_naive: "mean24",
  naive_mae: 25,
  coverage_80: 0.8,
  coverage_95: 0.95,
} as const;

function performance(change: Partial<Performance> = {}): JsonBodyType {
  return {
    city: "Delhi",
    target: "aqi",
    days: 30,
    simulated: false,
    champion: { version: MODEL.version, family: "linear", since: "2025-11-05T02:31:00Z" },
    training: { linear: MODEL },
    live: {
      start: "2025-10-06T00:30:00Z",
      end: "2025-11-05T00:30:00Z",
      pooled: SCORES,
      by_lead: [
        { lead: 1, ...SCORES, skill: 0.18 },
        { lead: 24, ...SCORES, skill: -0.03 },
      ],
      by_block: [],
      by_family: { linear: { pooled: SCORES, by_lead: [] } },
      by_version: [],
      by_season: {},
      rivals: [],
      warnings: [],
    },
    replay: null,
    ...change,
  };
}

const FORECAST = {
  city: "Delhi",
  issued_at: "2025-11-05T10:42:00Z",
  explanation: {
    floor: 5,
    experts: [
      { name: "daily", kind: "naive", share: 0.1, weights: [{ first_lead: 1, last_lead: 1, weight: 0 }, { first_lead: 2, last_lead: 48, weight: 0.11 }], values: [] },
      { name: "linear", kind: "model", share: 0.9, weights: [{ first_lead: 1, last_lead: 1, weight: 1 }, { first_lead: 2, last_lead: 48, weight: 0.89 }], values: [] },
    ],
  },
};

const JOB: Job = {
  id: 42,
  city: "Delhi",
  state: "queued",
  attempts: 0,
  max_attempts: 5,
  created_at: "2025-11-05T10:42:00Z",
  started_at: null,
  finished_at: null,
  retry_at: null,
  families: null,
  force: true,
  error: null,
  outcome: null,
};

let requests: Request[] = [];

beforeEach(() => {
  requests = [];
  server.use(
    http.get("*/api/v1/cities/", () =>
      HttpResponse.json({
        count: 1,
        standard: "in-naqi",
        simulated: false,
        cities: [{ name: "Delhi", slug: "delhi", state: "Delhi", latitude: 0, longitude: 0, aliases: [], latest: null }],
      }),
    ),
    http.get("*/api/v1/models/list", ({ request }) => {
      requests.push(request);
      return HttpResponse.json({ page: 1, per_page: 20, pages: 3, total: 45, simulated: false, models: [MODEL] });
    }),
    http.get("*/api/v1/models/performance/:city", () => HttpResponse.json(performance())),
    http.get("*/api/v1/forecast/:city", () => HttpResponse.json(FORECAST)),
  );
});

async function open(search = "") {
  window.history.replaceState(null, "", `/models${search}`);
  await renderPage(<ModelsPage />, "models");
}

const asked = () => requests.map(({ url }) => new URL(url).search);

test("a family is in words, and no skill has no sign", async () => {
  const blend = { ...MODEL, family: "blend", version: "b", metrics: { holdout: { skill: -0.001, mae: 21.32, rmse: 30.2, r2: 0.79 } } };
  server.use(http.get("*/api/v1/models/list", () => HttpResponse.json({ page: 1, per_page: 20, pages: 1, total: 1, simulated: false, models: [blend] })));
  await open();
  const table = within(await screen.findByRole("table", { name: /^1 versions, newest first/ }));
  expect(table.getAllByRole("row")[1]).toHaveTextContent(/several models at once.*2,1000%21\.3/);
});

test("the address holds the choice; what it does not know is left out", () => {
  expect(choiceOf(new URLSearchParams("city=delhi&target=co&family=oracle&status=champion&page=-1"))).toEqual({
    city: "delhi",
    target: "aqi",
    family: null,
    status: "champion",
    page: 1,
  });
});

test("versions: what they learnt from and how they did, a page at a time", async () => {
  await open();
  const table = within(await screen.findByRole("table", { name: "45 versions, newest first; scores on held-out data" }));
  expect(table.getAllByRole("row")[1]).toHaveTextContent(
    "5 Nov 2025, 8:00 am ISTDelhilinear modelin use: MAE 21.3 against 24.85 Aug 2025 – 5 Nov 20252,100+14%21.330.20.79",
  );
  await userEvent.click(screen.getByRole("button", { name: "Older" }));
  expect(window.location.search).toBe("?page=2");
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Status" }), "was in use");
  expect(window.location.search).toBe("?status=retired");
  expect(asked()).toEqual(expect.arrayContaining(["?page=2&per_page=20&target=aqi", "?page=1&per_page=20&target=aqi&status=retired"]));
});

test("a city: in use since when, skill by lead time live and at training", async () => {
  await open("?city=delhi");
  expect(await screen.findByText(/linear model, since 5 Nov 2025, 8:01 am IST/)).toBeVisible();
  const chart = within(screen.getByRole("figure", { name: "Skill by lead time" }));
  expect(chart.getByRole("img", { name: "Live skill +18% at 1 h, −3% at 24 h" })).toBeVisible();
  await userEvent.click(chart.getByRole("button", { name: "Show as a table" }));
  expect(chart.getAllByRole("row")[2]).toHaveTextContent("24−3%+10%22.1700");
  expect(screen.getByRole("link", { name: /The whole record of Delhi/ })).toHaveAttribute("href", "/record?city=delhi&target=aqi");
});

test("what a forecast is made of, by hours ahead, the weightiest first", async () => {
  await open("?city=delhi");
  const table = within(await screen.findByRole("table", { name: /^Weight of each part by hours ahead/ }));
  const [head, linear, daily] = table.getAllByRole("row");
  expect(head).toHaveTextContent("PartIn all1 h2–48 h");
  expect(linear).toHaveTextContent("linear model90%100%89%");
  expect(daily).toHaveTextContent("as at this hour yesterday10%0%11%");
});

test("a city without a model or a record says so", async () => {
  server.use(
    http.get("*/api/v1/models/performance/:city", () => HttpResponse.json(performance({ champion: null, training: null, live: null }))),
  );
  await open("?city=delhi");
  expect(await screen.findByText(/No model is in use: there is too little history/)).toBeVisible();
  expect(screen.getByText(/No forecast of this city is old enough to be judged yet/)).toBeVisible();
});

test("a training is asked for with the token, and followed until it is over", async () => {
  let state: Job["state"] = "running";
  let authorization: string | null = null;
  server.use(
    http.post("*/api/v1/models/retrain/delhi", ({ request }) => {
      authorization = request.headers.get("Authorization");
      return HttpResponse.json(JOB, { status: 202 });
    }),
    http.get("*/api/v1/models/jobs/42", () => {
      const answer = { ...JOB, state, outcome: state === "done" ? { city: "Delhi", kept: { aqi: "the champion did better" } } : null };
      state = "done";
      return HttpResponse.json(answer);
    }),
  );
  await open("?city=delhi");
  await userEvent.type(await screen.findByLabelText("Token with the scope retrain"), "vayu_secret");
  await userEvent.click(screen.getByRole("button", { name: "Train Delhi now" }));
  expect(await screen.findByText("Training 42 runs.")).toBeVisible();
  expect(await screen.findByText("Training 42 is done.", undefined, { timeout: 10_000 })).toBeVisible();
  expect(screen.getByText("aqi: the champion did better")).toBeVisible();
  expect(authorization).toBe("Bearer vayu_secret");
  expect(window.location.href).not.toContain("vayu_secret");
}, 20_000);

test.each([
  [401, {}, "This token is unknown, revoked or has expired."],
  [403, {}, "This token may not do this: it lacks the scope retrain."],
  [429, { "Retry-After": "17" }, "Too many requests: try again in 17 s."],
  [503, {}, "The service does not answer at the moment. Try again; a second request is not a second training."],
])("a refusal with %s is in words", async (status, headers, text) => {
  server.use(http.post("*/api/v1/models/retrain/delhi", () => HttpResponse.json({ detail: "no", status }, { status, headers })));
  await open("?city=delhi");
  await userEvent.type(await screen.findByLabelText("Token with the scope retrain"), "wrong");
  await userEvent.click(screen.getByRole("button", { name: "Train Delhi now" }));
  expect(await screen.findByText(text)).toBeVisible();
});

test("in Hindi, with the digits 0 to 9", async () => {
  await activate("hi");
  await open("?city=delhi");
  expect(await screen.findByRole("heading", { level: 1, name: "मॉडल" })).toBeVisible();
  expect(await screen.findByRole("figure", { name: "अग्रिम समय के अनुसार कौशल" })).toBeVisible();
  expect(document.body.textContent).not.toMatch(/[\u0966-\u096f]/);
});
