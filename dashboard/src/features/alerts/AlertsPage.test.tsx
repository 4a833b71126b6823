import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { beforeEach, expect, test } from "vitest";
import { activate } from "../../shared/i18n/i18n";
import { renderPage } from "../../shared/testing/render";
import { server } from "../../shared/testing/server";
import AlertsPage from "./AlertsPage";
import { alert, delivery, feed, NO_SCORE, preview, score } from "./testing";
import { setToken } from "./token";

const FEED = feed(
  { seq: 8, kind: "clear", city: "Agra", title: "Agra: over" },
  { seq: 7, kind: "repeat", city: "Delhi", title: "Delhi: still very poor" },
  { seq: 5, kind: "firing", city: "Agra", title: "Agra: very poor" },
  { seq: 4, kind: "firing", city: "Delhi", title: "Delhi: very poor" },
);
const SCORE = { rules: "public", city: null, on: "forecast", target: "aqi", n: 20, hits: 12, false_alarms: 4, misses: 4, pod: 0.75, far: 0.25, csi: 0.6, median_warning_hours: 9 };
const CITIES = { count: 2, cities: ["Delhi", "Agra"].map((name) => ({ name, slug: name.toLowerCase(), state: "S", latitude: 28, longitude: 77, aliases: [] })) };

beforeEach(() => {
  setToken(null);
  sessionStorage.clear();
  server.use(
    http.get("*/api/v1/cities/", () => HttpResponse.json(CITIES)),
    http.get("*/api/v1/alerts/feed.atom", () => new HttpResponse(FEED, { headers: { "Content-Type": "application/atom+xml" } })),
    http.get("*/api/v1/alerts/:id/score", () => HttpResponse.json(NO_SCORE)),
    http.get("*/api/v1/alerts/scores", () => HttpResponse.json({ scores: [SCORE], fewest_owners: 5, simulated: false })),
  );
});

async function open(path = "/alerts?city=delhi") {
  window.history.replaceState(null, "", path);
  await renderPage(<AlertsPage />, "alerts");
  await screen.findByRole("option", { name: "Agra" });
  return userEvent.setup();
}

/** With the alerts of an owner. */
async function openOwn(alerts = [alert()]) {
  server.use(
    http.get("*/api/v1/alerts", ({ request }) =>
      request.headers.get("Authorization") === "Bearer va_1" ? HttpResponse.json({ alerts }) : HttpResponse.json({ detail: "Send a token." }, { status: 401 }),
    ),
  );
  setToken("va_1");
  const user = await open();
  return { user, own: within(await screen.findByRole("article", { name: /Delhi/ })) };
}

test("what is in force is shown with its links, and what is over is not", async () => {
  await open();
  const section = within(screen.getByRole("region", { name: "In force now" }));
  expect(await section.findByText(/Delhi: still very poor/)).toBeVisible();
  expect(section.getByRole("link", { name: "Delhi" })).toHaveAttribute("href", "/city/delhi");
  expect(section.getByRole("link", { name: "CAP Delhi" })).toHaveAttribute("href", "/api/v1/alerts/cap/7.xml");
  expect(section.getByRole("link", { name: "Atom" })).toHaveAttribute("href", "/api/v1/alerts/feed.atom?language=en");
  expect(section.queryByText(/Agra/)).not.toBeInTheDocument();
});

test("the end of one standing rule of a city leaves what is in force by its other", async () => {
  const text = feed(
    { seq: 9, kind: "clear", rule: "measured", city: "Delhi", title: "Delhi: below 280 again" },
    { seq: 8, kind: "firing", rule: "measured", city: "Delhi", title: "Delhi: very poor" },
    { seq: 7, kind: "firing", rule: "expected", city: "Delhi", title: "Delhi: expected" },
    { seq: 6, kind: "firing", rule: "measured", city: "Delhi", title: "Delhi: very poor, the first time" },
  );
  server.use(http.get("*/api/v1/alerts/feed.atom", () => new HttpResponse(text)));
  await open();
  const section = within(screen.getByRole("region", { name: "In force now" }));
  expect(await section.findByText(/Delhi: expected/)).toBeVisible();
  expect(section.getAllByRole("link", { name: /^CAP/ })).toHaveLength(1);
});

test("without an alert in force the page says so", async () => {
  server.use(http.get("*/api/v1/alerts/feed.atom", () => new HttpResponse(feed({ seq: 9, kind: "clear", city: "Delhi", title: "Delhi: over" }))));
  await open();
  expect(await screen.findByRole("heading", { name: "No city has an alert at the moment" })).toBeVisible();
  expect(screen.getByText("The last message: Delhi: over")).toBeVisible();
});

test("public alerts are judged, with numbers", async () => {
  await open();
  const table = within(await screen.findByRole("table", { name: "Alerts that were given, judged by what was measured" }));
  expect(table.getByRole("rowheader", { name: "All cities" })).toBeVisible();
  for (const text of ["20", "75%", "25%", "60%", "9.0 h"]) expect(table.getByText(text)).toBeVisible();
});

test("the city of the address is filled in, and another is kept in the address", async () => {
  const user = await open();
  expect(screen.getByRole("combobox", { name: "City" })).toHaveValue("delhi");
  await user.selectOptions(screen.getByRole("combobox", { name: "City" }), "Agra");
  expect(window.location.search).toBe("?city=agra");
});

test("a rule is tried on the record: in words, as a chart, as a table", async () => {
  const bodies: unknown[] = [];
  server.use(
    http.post("*/api/v1/alerts/preview", async ({ request }) => {
      bodies.push(await request.json());
      return HttpResponse.json(preview());
    }),
  );
  const user = await open();
  await user.click(screen.getByRole("button", { name: "Preview on the record" }));
  expect(await screen.findByText("It would have sent 3 alerts.")).toBeVisible();
  const text = screen.getByText("It would have sent 3 alerts.").closest("p");
  expect(text).toHaveTextContent("2 were right. One was a false alarm. One episode was missed. Half of the warnings came 7.5 h ahead or more.");
  expect(bodies).toEqual([
    {
      city: "delhi",
      when: { on: "forecast", target: "aqi", above: 300, clear_below: 270, dwell: 2, within_hours: 24, probability: 0.5 },
      from: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      to: expect.stringMatching(/Z$/),
    },
  ]);
  await user.click(screen.getByRole("button", { name: "Show as a table" }));
  const rows = within(screen.getByRole("table", { name: "Episodes, and when it would have warned" })).getAllByRole("row");
  expect(rows).toHaveLength(3);
  expect(rows[1]).toHaveTextContent("371foreseen20 Oct 2025, 2:00 pm IST7.0");
  expect(rows[2]).toHaveTextContent("322missednone–");
  // The result is that of another rule now.
  await user.clear(screen.getByRole("spinbutton", { name: /^Above/ }));
  await user.type(screen.getByRole("spinbutton", { name: /^Above/ }), "200");
  expect(screen.queryByText("It would have sent 3 alerts.")).not.toBeInTheDocument();
});

test.each([
  [{ alerts: 0, hits: 0, false_alarms: 0, misses: 0, median_warning_hours: null, episodes: [] }, "It would not have sent an alert. No episode was missed."],
  [{ alerts: 1, hits: 0, late: 1, false_alarms: 0, misses: 0, median_warning_hours: null }, "It would have sent one alert. None of them was right. None was a false alarm. One came when it went on already."],
  [{ when: { ...alert().when, on: "measured" } }, "After half of the alerts it lasted 7.5 h or more."],
  [{ hours: 0 }, "it begins with the next hour that is measured"],
  [{ issues: 0 }, "No forecast was issued that could be judged."],
  [{ mode: "replay" }, "The forecasts are those of a replay of history."],
] as const)("a preview of %o says so", async (values, text) => {
  server.use(http.post("*/api/v1/alerts/preview", () => HttpResponse.json({ ...preview(), ...values })));
  const user = await open();
  await user.click(screen.getByRole("button", { name: "Preview on the record" }));
  await waitFor(() => expect(screen.getByRole("region", { name: "A new alert" })).toHaveTextContent(text));
});

test("a preview without a city leads to the field, and asks for nothing", async () => {
  const user = await open("/alerts");
  await user.click(screen.getByRole("button", { name: "Preview on the record" }));
  const field = screen.getByRole("combobox", { name: "City" });
  expect(field).toHaveFocus();
  expect(field).toBeInvalid();
  expect(field).toHaveAccessibleDescription("This is needed.");
});

test("an e-mail alert needs no token, and says what comes next", async () => {
  const bodies: unknown[] = [];
  server.use(
    http.post("*/api/v1/alerts", async ({ request }) => {
      expect(request.headers.get("Authorization")).toBeNull();
      bodies.push(await request.json());
      return HttpResponse.json(alert({ state: "unconfirmed", to: { channel: "email", address: "n…@example.org" } }), { status: 201 });
    }),
  );
  const user = await open();
  await user.type(screen.getByRole("textbox", { name: "E-mail address" }), "name@example.org");
  await user.click(screen.getByRole("checkbox", { name: /^Hold messages/ }));
  await user.click(screen.getByRole("button", { name: "Make this alert" }));
  expect(await screen.findByText(/^Nearly done: press the button in the mail/)).toBeVisible();
  expect(bodies).toMatchObject([{ to: { channel: "email", address: "name@example.org" }, quiet_hours: { from: "22:00", to: "06:00", zone: "Asia/Kolkata" } }]);
});

test("a wrong entry stays here, and the focus goes to it", async () => {
  const user = await open();
  await user.type(screen.getByRole("textbox", { name: "E-mail address" }), "name");
  await user.click(screen.getByRole("button", { name: "Make this alert" }));
  const field = screen.getByRole("textbox", { name: "E-mail address" });
  expect(field).toHaveFocus();
  expect(field).toHaveAccessibleDescription(/An e-mail address, such as name@example.org\.$/);
  await user.type(field, "@example.org");
  expect(field).toBeValid();
});

test("what the service finds wrong is shown at its field, in its words", async () => {
  const errors = [{ pointer: "/to/address", given: "https://intranet/", allowed: "an address on the internet" }];
  server.use(http.post("*/api/v1/alerts", () => HttpResponse.json({ detail: "no", errors }, { status: 400 })));
  setToken("va_1");
  server.use(http.get("*/api/v1/alerts", () => HttpResponse.json({ alerts: [] })));
  const user = await open();
  await user.selectOptions(screen.getByRole("combobox", { name: "By" }), "Webhook");
  await user.type(screen.getByRole("textbox", { name: "Address of the webhook" }), "https://intranet/");
  await user.click(screen.getByRole("button", { name: "Make this alert" }));
  const field = screen.getByRole("textbox", { name: "Address of the webhook" });
  await waitFor(() => expect(field).toHaveAccessibleDescription(/The service takes: an address on the internet$/));
  expect(field).toHaveFocus();
  expect(screen.getByRole("alert")).toHaveTextContent("Nothing was saved: see the fields that are marked.");
});

test.each([
  [HttpResponse.json({ detail: "Alerts need VAYU_ALERTS_KEY." }, { status: 503 }), "Alerts need VAYU_ALERTS_KEY."],
  [HttpResponse.json({}, { status: 429, headers: { "Retry-After": "17" } }), "Too many requests: try again in 17 s."],
  [HttpResponse.json({}, { status: 403 }), "This token may not do this: it lacks the scope alerts."],
  [HttpResponse.error(), "look whether it was done before you try again"],
])("a failure is said where the order was given (%#)", async (response, text) => {
  server.use(http.post("*/api/v1/alerts", () => response.clone()));
  const user = await open();
  await user.type(screen.getByRole("textbox", { name: "E-mail address" }), "name@example.org");
  await user.click(screen.getByRole("button", { name: "Make this alert" }));
  expect(await screen.findByRole("alert")).toHaveTextContent(text);
});

test("a webhook's secret is shown once, to be copied", async () => {
  server.use(http.post("*/api/v1/alerts", () => HttpResponse.json({ ...alert(), secret: "whsec_c2VjcmV0" }, { status: 201 })));
  setToken("va_1");
  server.use(http.get("*/api/v1/alerts", () => HttpResponse.json({ alerts: [alert()] })));
  const user = await open();
  await user.selectOptions(screen.getByRole("combobox", { name: "By" }), "Webhook");
  await user.type(screen.getByRole("textbox", { name: "Address of the webhook" }), "https://example.org/hook");
  await user.click(screen.getByRole("button", { name: "Make this alert" }));
  expect(await screen.findByText("whsec_c2VjcmV0")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Copy Secret" }));
  expect(await navigator.clipboard.readText()).toBe("whsec_c2VjcmV0");
});

test("a token is kept for the tab, and on the device only if that is wanted", async () => {
  server.use(http.get("*/api/v1/alerts", () => HttpResponse.json({ alerts: [] })));
  const user = await open();
  await user.type(screen.getByLabelText("Token"), " va_1 ");
  await user.click(screen.getByRole("button", { name: "Show my alerts" }));
  expect(await screen.findByRole("heading", { name: "You have no alerts yet" })).toBeVisible();
  expect(Object.values(sessionStorage)).toEqual(["va_1"]);
  expect(Object.values(localStorage)).toEqual([]);
  await user.click(screen.getByRole("button", { name: "Forget the token" }));
  expect(Object.values(sessionStorage)).toEqual([]);
  await user.type(screen.getByLabelText("Token"), "va_1");
  await user.click(screen.getByRole("checkbox", { name: "Remember it on this device" }));
  await user.click(screen.getByRole("button", { name: "Show my alerts" }));
  await screen.findByRole("button", { name: "Forget the token" });
  expect(Object.values(sessionStorage)).toEqual([]);
  expect(Object.values(localStorage)).toEqual(["va_1"]);
});

test("a token that is refused says so, and can be forgotten", async () => {
  server.use(http.get("*/api/v1/alerts", () => HttpResponse.json({ detail: "no" }, { status: 401 })));
  setToken("va_2");
  await open();
  expect(await screen.findByText("This token is unknown, revoked or has expired.")).toBeVisible();
  expect(screen.getByRole("button", { name: "Forget the token" })).toBeVisible();
});

test("an alert says its rule, its state, and where it goes", async () => {
  const { own } = await openOwn([alert({ phase: "firing", quiet_hours: { from: "22:00", to: "06:00", zone: "Asia/Kolkata" } })]);
  expect(own.getByText("more than an index of 300 is forecast within 24 h, with a chance of 50% or more")).toBeVisible();
  expect(own.getByText("Active, in force since 5 Nov, 4:00 pm IST.")).toBeVisible();
  expect(own.getByText("https://example.org/…")).toBeVisible();
  expect(own.getByText(/quiet from 22:00 to 06:00 \(Asia\/Kolkata\)/)).toBeVisible();
});

test("a test is sent, and what became of it is shown", async () => {
  let sent = 0;
  server.use(
    http.post("*/api/v1/alerts/:id/test", () => {
      sent += 1;
      return HttpResponse.json(delivery({ kind: "test", status: "pending", delivered_at: null, response_status: null, attempts: 0 }), { status: 202 });
    }),
    http.get("*/api/v1/alerts/:id/deliveries", () =>
      HttpResponse.json({
        deliveries: [
          delivery({ id: "a", kind: "test", status: "failed", attempts: 9, response_status: 500, error: "the receiver answered 500" }),
          delivery({ id: "b", status: "held", next_attempt_at: "2025-11-06T00:30:00Z", response_status: null, attempts: 0 }),
        ],
        next: null,
      }),
    ),
  );
  const { user, own } = await openOwn();
  await user.click(own.getByRole("button", { name: "Send a test" }));
  const rows = within(await own.findByRole("table")).getAllByRole("row");
  expect(sent).toBe(1);
  expect(rows[1]).toHaveTextContent("testfailed: the receiver answered 5009500Send again");
  expect(rows[2]).toHaveTextContent("beginsheld until the quiet hours end (next attempt 6 Nov, 6:00 am IST)0––");
});

test("a message is sent again, and older ones are read", async () => {
  const replayed: string[] = [];
  server.use(
    http.get("*/api/v1/alerts/:id/deliveries", ({ request }) =>
      new URL(request.url).searchParams.get("cursor") === "c2"
        ? HttpResponse.json({ deliveries: [delivery({ id: "old", kind: "clear" })], next: null })
        : HttpResponse.json({ deliveries: [delivery({ id: "new", status: "failed" })], next: "c2" }),
    ),
    http.post("*/api/v1/alerts/:id/replay/:delivery", ({ params }) => {
      replayed.push(String(params["delivery"]));
      return HttpResponse.json(delivery({ status: "pending" }), { status: 202 });
    }),
  );
  const { user, own } = await openOwn();
  await user.click(own.getByRole("button", { name: "Messages sent" }));
  await user.click(await own.findByRole("button", { name: "Send again" }));
  await waitFor(() => expect(replayed).toEqual(["new"]));
  await user.click(own.getByRole("button", { name: "Show older messages" }));
  expect(await own.findByText("is over")).toBeVisible();
});

test("an alert is switched off and on", async () => {
  const changes: unknown[] = [];
  let state: "active" | "disabled" = "active";
  const { user, own } = await openOwn();
  server.use(
    http.patch("*/api/v1/alerts/:id", async ({ request }) => {
      changes.push(await request.json());
      state = state === "active" ? "disabled" : "active";
      return HttpResponse.json(alert({ state }));
    }),
    http.get("*/api/v1/alerts", () => HttpResponse.json({ alerts: [alert({ state, disabled_because: state === "disabled" ? "You switched it off." : null })] })),
  );
  await user.click(own.getByRole("button", { name: "Switch off" }));
  expect(await own.findByText("Switched off.")).toBeVisible();
  await user.click(own.getByRole("button", { name: "Switch on" }));
  expect(await own.findByText(/^Active/)).toBeVisible();
  expect(changes).toEqual([{ state: "disabled" }, { state: "active" }]);
});

test("an alert is deleted when that is confirmed, and not before", async () => {
  let deleted = 0;
  const { user, own } = await openOwn();
  server.use(
    http.delete("*/api/v1/alerts/:id", () => {
      deleted += 1;
      return new HttpResponse(null, { status: 204 });
    }),
    http.get("*/api/v1/alerts", () => HttpResponse.json({ alerts: [] })),
  );
  await user.click(own.getByRole("button", { name: "Delete" }));
  await user.click(own.getByRole("button", { name: "No" }));
  expect(deleted).toBe(0);
  await user.click(own.getByRole("button", { name: "Delete" }));
  await user.click(own.getByRole("button", { name: "Yes, delete it" }));
  expect(await screen.findByRole("heading", { name: "You have no alerts yet" })).toBeVisible();
  expect(deleted).toBe(1);
});

test("a new secret is made when that is confirmed", async () => {
  const { user, own } = await openOwn();
  server.use(http.patch("*/api/v1/alerts/:id", () => HttpResponse.json({ ...alert(), secret: "whsec_bmV3" })));
  await user.click(own.getByRole("button", { name: "New secret" }));
  await user.click(own.getByRole("button", { name: "Yes, a new secret" }));
  expect(await own.findByText("whsec_bmV3")).toBeVisible();
});

/** What was sent to change an alert. */
function noteChanges(answer: () => HttpResponse<object> = () => HttpResponse.json(alert())) {
  const changes: unknown[] = [];
  server.use(
    http.patch("*/api/v1/alerts/:id", async ({ request }) => {
      changes.push(await request.json());
      return answer();
    }),
  );
  return changes;
}

test("an alert is changed: the form has what it is, and sends what is different", async () => {
  const quiet = { from: "21:30", to: "07:00", zone: "Europe/Berlin" };
  const { user, own } = await openOwn([
    alert({ when: { ...alert().when, above: 250, clear_below: 200, probability: 0.55, dwell: 3 }, quiet_hours: quiet, repeat_after_hours: 168 }),
  ]);
  const changes = noteChanges();
  await user.click(own.getByRole("button", { name: "Change" }));
  const form = within(own.getByRole("form", { name: "Change the alert for Delhi" }));
  expect(form.queryByRole("combobox", { name: "City" })).not.toBeInTheDocument();
  expect(form.getByRole("spinbutton", { name: /^Above/ })).toHaveValue(250);
  expect(form.getByRole("spinbutton", { name: /^Over again below/ })).toHaveValue(200);
  expect(form.getByRole("spinbutton", { name: /^With a chance/ })).toHaveValue(55);
  expect(form.getByRole("spinbutton", { name: /^Forecasts that must agree/ })).toHaveValue(3);
  expect(form.getByLabelText("From")).toHaveValue("21:30");
  expect(form.getByRole("combobox", { name: "Time zone" })).toHaveValue("Europe/Berlin");
  expect(form.getByRole("combobox", { name: "While it lasts, again" })).toHaveValue("168");
  expect(form.getByRole("textbox", { name: "Address of the webhook" })).toHaveAccessibleDescription(/^Empty: https:\/\/example.org\/… stays\./);
  expect(form.queryByText(/^With another condition the alert begins anew/)).not.toBeInTheDocument();
  await user.clear(form.getByRole("spinbutton", { name: /^Above/ }));
  await user.type(form.getByRole("spinbutton", { name: /^Above/ }), "400");
  expect(form.getByText(/^With another condition the alert begins anew/)).toBeVisible();
  await user.click(form.getByRole("checkbox", { name: /^Hold messages/ }));
  await user.click(form.getByRole("button", { name: "Save the changes" }));
  expect(await own.findByText("The alert is changed.")).toBeVisible();
  expect(changes).toEqual([
    { when: { on: "forecast", target: "aqi", above: 400, clear_below: 200, dwell: 3, within_hours: 24, probability: 0.55 }, quiet_hours: null },
  ]);
  expect(own.queryByRole("form")).not.toBeInTheDocument();
  expect(own.getByRole("button", { name: "Change" })).toHaveFocus();
});

test("an alert that stays as it is is not sent", async () => {
  const { user, own } = await openOwn();
  const changes = noteChanges();
  for (const name of ["Save the changes", "Leave it as it is", "Change"]) {
    await user.click(own.getByRole("button", { name: "Change" }));
    await user.click(own.getByRole("button", { name }));
    expect(own.queryByRole("form")).not.toBeInTheDocument();
    expect(own.getByRole("button", { name: "Change" })).toHaveFocus();
  }
  expect(changes).toEqual([]);
});

test("another webhook has another secret; another channel needs an address", async () => {
  const { user, own } = await openOwn();
  const changes = noteChanges(() => HttpResponse.json({ ...alert(), secret: "whsec_bW92ZWQ" }));
  await user.click(own.getByRole("button", { name: "Change" }));
  await user.selectOptions(own.getByRole("combobox", { name: "By" }), "Slack or a compatible chat");
  await user.click(own.getByRole("button", { name: "Save the changes" }));
  expect(own.getByRole("textbox", { name: "Address of the webhook" })).toHaveFocus();
  expect(own.getByRole("textbox", { name: "Address of the webhook" })).toHaveAccessibleDescription(/This is needed\.$/);
  await user.selectOptions(own.getByRole("combobox", { name: "By" }), "Webhook");
  await user.type(own.getByRole("textbox", { name: "Address of the webhook" }), "https://example.org/other");
  await user.click(own.getByRole("button", { name: "Save the changes" }));
  expect(await own.findByText("whsec_bW92ZWQ")).toBeVisible();
  expect(changes).toEqual([{ to: { channel: "webhook", address: "https://example.org/other" } }]);
});

test("a change that is refused leads to its field, and leaves the form open", async () => {
  const { user, own } = await openOwn();
  const errors = [{ pointer: "/when/within_hours", given: "24", allowed: "1 to 12" }];
  noteChanges(() => HttpResponse.json({ detail: "no", errors }, { status: 400 }));
  await user.click(own.getByRole("button", { name: "Change" }));
  await user.selectOptions(own.getByRole("combobox", { name: "In" }), "हिन्दी");
  await user.click(own.getByRole("button", { name: "Save the changes" }));
  await waitFor(() => expect(own.getByRole("spinbutton", { name: "Within (hours)" })).toHaveFocus());
  expect(own.getByRole("spinbutton", { name: "Within (hours)" })).toHaveAccessibleDescription("The service takes: 1 to 12");
  expect(own.getByRole("alert")).toHaveTextContent("Nothing was saved: see the fields that are marked.");
});

test("how an alert did is shown with its numbers, and what they are based on", async () => {
  server.use(http.get("*/api/v1/alerts/:id/score", () => HttpResponse.json(score())));
  const { user, own } = await openOwn();
  const group = within(own.getByRole("group", { name: "How it did" }));
  expect(await group.findByText("Right")).toBeVisible();
  expect(group.getAllByRole("definition").map(({ textContent }) => textContent)).toEqual(["8", "3", "2", "1"]);
  expect(group.getByText("13 outcomes were judged. Of 10 episodes it warned of 8 (80%). Of 11 alerts 3 were false (27%).")).toBeVisible();
  expect(group.getByText("Median warning: 14.0 h before the beginning.")).toBeVisible();
  await user.click(group.getByText("What is this based on?"));
  const rows = within(group.getByRole("table", { name: "The latest outcomes, newest first" })).getAllByRole("row");
  expect(rows[1]).toHaveTextContent("4 Nov 2025, 11:00 pm IST5 Nov 2025, 12:00 pm ISTforeseen3424 Nov 2025, 9:00 am IST");
  expect(rows[2]).toHaveTextContent("1 Nov 2025, 9:00 am IST–false alarm–1 Nov 2025, 9:00 am IST");
  await user.click(own.getByRole("button", { name: "Hide how it did" }));
  expect(group.queryByText("Right")).not.toBeInTheDocument();
});

test.each([
  [NO_SCORE, "Nothing can be judged yet"],
  [{ ...NO_SCORE, late: 2 }, "Nothing else could be judged yet."],
  [{ ...NO_SCORE, n: 1, hits: 1, pod: 1, far: 0 }, "This is a single outcome: too little to tell how good the alert is."],
  [{ ...NO_SCORE, n: 9, hits: 9, pod: 1, far: 0 }, "These are 9 outcomes: too few to tell how good the alert is."],
])("where there is too little to judge, no share is shown (%#)", async (values, text) => {
  server.use(http.get("*/api/v1/alerts/:id/score", () => HttpResponse.json(values)));
  const { own } = await openOwn();
  expect(await own.findByText(text, { exact: false })).toBeVisible();
  expect(own.getByRole("group", { name: "How it did" })).not.toHaveTextContent("%");
});

test("with many alerts a score is read when it is asked for", async () => {
  let reads = 0;
  server.use(
    http.get("*/api/v1/alerts/:id/score", () => {
      reads += 1;
      return HttpResponse.json(score());
    }),
  );
  const alerts = Array.from({ length: 11 }, (_, number) => alert({ id: `0b0f5b0e-5d6c-4d0e-9a55-3f3f7c1f9c${10 + number}`, city: number === 0 ? "Delhi" : "Agra" }));
  const { user, own } = await openOwn(alerts);
  expect(reads).toBe(0);
  await user.click(own.getByRole("button", { name: "How it did" }));
  expect(await own.findByText("Right")).toBeVisible();
  expect(reads).toBe(1);
});

test("in Hindi", async () => {
  await activate("hi");
  await renderPage(<AlertsPage />, "alerts");
  expect(await screen.findByRole("heading", { level: 1, name: "अलर्ट" })).toBeVisible();
  expect(screen.getByRole("button", { name: "रिकॉर्ड पर आज़माएँ" })).toBeVisible();
  expect(await screen.findByRole("link", { name: "Atom" })).toHaveAttribute("href", "/api/v1/alerts/feed.atom?language=hi");
});
