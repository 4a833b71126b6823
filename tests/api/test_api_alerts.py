"""Alerts over HTTP: what may be sent, whose it is, what is shown of it, and the links of mails."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from alert_rows import SEAL, put_values
from api_rows import context_of, problem_of, url
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mail_server import Mailbox, mail_server

from common.adapters.channels import alert_channels
from common.alerts.links import CONFIRM_WITHIN, confirm_token, unsubscribe_token
from common.api import create_app
from common.api.routes import ENDPOINTS
from common.config import from_mapping
from common.store.api_keys import create_key
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from werkzeug.test import Client, TestResponse

    from common.api import ApiContext

HOOK = "http://127.0.0.1:9/hook?key=secret-of-the-address"
WHEN = {"on": "measured", "target": "aqi", "above": 300, "clear_below": 280}
AHEAD = {"on": "forecast", "target": "aqi", "above": 300, "within_hours": 24, "probability": 0.5}
BODY: dict[str, Any] = {"city": "delhi", "when": WHEN, "to": {"channel": "webhook", "address": HOOK}}
MAIL = {"channel": "email", "address": "Asha@Example.org"}


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mail_server() as running:
        yield running


@pytest.fixture
def context(database: Database, now: datetime, box: Mailbox) -> Iterator[ApiContext]:
    with database.transaction() as connection:
        for table in ("alert_owner", "alert_episode", "alert_mail", "event", "event_cursor"):
            run(connection, f"DELETE FROM {table}")  # noqa: S608 - ours
    chosen = from_mapping(
        {"VAYU_SMTP_URL": box.url, "VAYU_ALERTS_ALLOW_ORIGINS": "http://127.0.0.1:9", "DATABASE_URL": ""}
    )
    channels = alert_channels(chosen)
    made = replace(context_of(database, now), seal=SEAL, alert_channels=lambda: channels)
    yield made
    made.probe.close()


class Holder:
    """Somebody with a token, or without."""

    def __init__(self, client: Client, token: str | None) -> None:
        self.client = client
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: Any = None) -> TestResponse:
        more: dict[str, Any] = {} if body is None else {"json": body}
        return self.client.open(url(path), method=method, headers=self.headers, **more)

    def make(self, **changes: Any) -> Any:
        response = self.call("POST", "/alerts", BODY | changes)
        assert response.status_code == 201, response.text
        return response.json


def new_key(context: ApiContext, name: str, *scopes: str) -> str:
    """A token that is known at once, not within a second."""
    with context.database.transaction() as connection:
        token, _ = create_key(connection, name, scopes or ("alerts",), now=context.clock())
    context.watch.forget()
    return token


@pytest.fixture
def holder(client: Client, context: ApiContext) -> Any:
    return lambda name, *scopes: Holder(client, new_key(context, name, *scopes))


@pytest.fixture
def asha(holder: Any) -> Holder:
    return holder("asha")  # type: ignore[no-any-return]


def test_an_alert_is_made_seen_changed_and_deleted(asha: Holder, database: Database) -> None:
    response = asha.call("POST", "/alerts", BODY | {"quiet_hours": {"from": "22:00", "to": "06:00"}})
    assert response.status_code == 201
    made = response.json
    assert response.headers["Location"] == url(f"/alerts/{made['id']}")
    assert response.headers["Cache-Control"] == "no-store"
    secret = made.pop("secret")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/=]{44}", secret)
    assert made | {"id": "", "since": "", "created_at": ""} == {
        "id": "", "city": "Delhi", "state": "active", "disabled_because": None,
        "when": WHEN | {"above": 300.0, "clear_below": 280.0, "within_hours": None, "probability": None, "dwell": 2},
        "to": {"channel": "webhook", "address": "http://127.0.0.1:9/…"}, "language": "en",
        "quiet_hours": {"from": "22:00", "to": "06:00", "zone": "Asia/Kolkata"}, "repeat_after_hours": None,
        "phase": "clear", "since": "", "created_at": "", "simulated": False,
    }  # fmt: skip
    assert asha.call("GET", f"/alerts/{made['id']}").json == made
    assert asha.call("GET", "/alerts").json == {"alerts": [made]}
    changed = asha.call(
        "PATCH", f"/alerts/{made['id']}", {"when": AHEAD, "quiet_hours": None, "repeat_after_hours": 6}
    )
    assert changed.status_code == 200
    assert changed.json["when"] == AHEAD | {"above": 300.0, "clear_below": 270.0, "dwell": 2}
    assert (changed.json["quiet_hours"], changed.json["repeat_after_hours"]) == (None, 6)
    rotated = asha.call("PATCH", f"/alerts/{made['id']}", {"rotate_secret": True}).json
    assert rotated["secret"] != secret
    stored = str(rows(database))
    assert "secret-of-the-address" not in stored
    assert secret not in stored
    assert asha.call("DELETE", f"/alerts/{made['id']}").status_code == 204
    problem_of(asha.call("GET", f"/alerts/{made['id']}"), 404)
    assert asha.call("GET", "/alerts").json == {"alerts": []}
    assert rows(database) == []


def rows(database: Database) -> list[Any]:
    """All that is stored of owners and their alerts."""
    tables = ("alert_owner", "alert_rule", "alert_state", "alert_delivery")
    with database.transaction() as connection:
        return [
            row
            for table in tables
            for row in run(connection, f"SELECT to_jsonb(t)::text FROM {table} AS t")  # noqa: S608 - ours
        ]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "thresholds out of order": ({"when": WHEN | {"clear_below": 301}}, "/when/clear_below"),
    "within 0 hours": ({"when": AHEAD | {"within_hours": 0}}, "/when/within_hours"),
    "within 49 hours": ({"when": AHEAD | {"within_hours": 49}}, "/when/within_hours"),
    "a probability of what is measured": ({"when": WHEN | {"probability": 0.5}}, "/when/probability"),
    "a probability of 0": ({"when": AHEAD | {"probability": 0}}, "/when/probability"),
    "a probability in percent": ({"when": AHEAD | {"probability": 50}}, "/when/probability"),
    "an index of 500": ({"when": WHEN | {"above": 500, "clear_below": 400}}, "/when/above"),
    "a dwell of 0": ({"when": WHEN | {"dwell": 0}}, "/when/dwell"),
    "a city that is none": ({"city": "Dehli"}, "/city"),
    "quiet hours of no length": ({"quiet_hours": {"from": "22:00", "to": "22:00"}}, "/quiet_hours/to"),
    "quiet hours at 24:00": ({"quiet_hours": {"from": "24:00", "to": "06:00"}}, "/quiet_hours/from"),
    "no zone": ({"quiet_hours": {"from": "22:00", "to": "06:00", "zone": "Asia/Delhi"}}, "/quiet_hours/zone"),
    "a zone that is a path": (
        {"quiet_hours": {"from": "22:00", "to": "06:00", "zone": "../../etc/passwd"}},
        "/quiet_hours/zone",
    ),
    "a folder of zones": (
        {"quiet_hours": {"from": "22:00", "to": "06:00", "zone": "Asia"}},
        "/quiet_hours/zone",
    ),
    "repeated too often": ({"repeat_after_hours": 0}, "/repeat_after_hours"),
    "a private address": (
        {"to": {"channel": "webhook", "address": "https://192.168.0.1/hook"}},
        "/to/address",
    ),
    "the cloud's own address": (
        {"to": {"channel": "webhook", "address": "https://169.254.169.254/latest"}},
        "/to/address",
    ),
    "an address with a line break": (
        {"to": {"channel": "email", "address": "a@example.org\nBcc: b@example.org"}},
        "/to/address",
    ),
    "a channel that is not set up": ({"to": {"channel": "sms", "address": "+919812345678"}}, "/to/channel"),
    "something unknown": ({"when": WHEN | {"below": 3}}, "/when/below"),
    "another language": ({"language": "fr"}, "/language"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_is_said_with_what_is_allowed(asha: Holder, database: Database, wrong: str) -> None:
    changes, pointer = WRONG[wrong]
    problem = problem_of(asha.call("POST", "/alerts", BODY | changes), 400)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert problem["errors"][0]["allowed"]
    if pointer == "/city":
        assert problem["nearest"] == ["Delhi"]
    assert rows(database) == []


def test_strangers_may_have_mail_only(client: Client, asha: Holder) -> None:
    stranger = Holder(client, None)
    assert "e-mail" in problem_of(stranger.call("POST", "/alerts", BODY), 401)["detail"]
    for method, path in (("GET", "/alerts"), ("GET", f"/alerts/{uuid4()}"), ("DELETE", f"/alerts/{uuid4()}")):
        problem_of(stranger.call(method, path), 401)
    problem_of(Holder(client, "va_" + "x" * 60).call("GET", "/alerts"), 401)
    made = asha.make()
    problem_of(stranger.call("GET", f"/alerts/{made['id']}/deliveries"), 401)


def test_a_token_without_the_scope_may_not(holder: Any) -> None:
    problem_of(holder("reader", "read").call("GET", "/alerts"), 403)
    problem_of(holder("reader too", "read", "retrain").call("POST", "/alerts", BODY), 403)
    assert holder("chief", "admin").call("GET", "/alerts").status_code == 200


OWN = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.path.startswith("/alerts/{id}") and endpoint.scope == "alerts"
]


def test_there_are_endpoints_of_ones_own() -> None:
    assert len(OWN) >= 6


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nobody_reads_or_changes_anothers(holder: Any, database: Database, data: st.DataObject) -> None:
    """Whatever is called with whatever token: another's alert is not there, and stays as it is."""
    mine, other = holder(str(uuid4())), holder(str(uuid4()))
    made = mine.make()
    delivery = mine.call("POST", f"/alerts/{made['id']}/test").json
    before = rows(database)
    for endpoint in OWN:
        path = endpoint.path.replace("{id}", made["id"]).replace("{delivery}", delivery["id"])
        body = None
        if endpoint.body is not None:
            body = data.draw(
                st.sampled_from(
                    [{}, {"state": "disabled"}, {"when": WHEN}, {"rotate_secret": True}, {"to": MAIL}]
                )
            )
        foreign = problem_of(other.call(endpoint.method, path, body), 404)
        missing = problem_of(other.call(endpoint.method, path.replace(made["id"], str(uuid4())), body), 404)
        assert foreign["detail"] == missing["detail"]
    assert made["id"] not in other.call("GET", "/alerts").text
    assert rows(database) == before


def test_a_new_key_of_the_same_name_has_the_alerts(holder: Any, database: Database, now: datetime) -> None:
    made = holder("ngo").make()
    with database.transaction() as connection:
        run(connection, "UPDATE api_key SET revoked_at = :now", now=now)
    assert [alert["id"] for alert in holder("ngo").call("GET", "/alerts").json["alerts"]] == [made["id"]]


def test_an_owner_has_so_many_alerts_and_tests_and_no_more(asha: Holder, database: Database) -> None:
    made = [asha.make() for _ in range(50)]
    assert "50" in problem_of(asha.call("POST", "/alerts", BODY), 409)["detail"]
    assert asha.call("DELETE", f"/alerts/{made[0]['id']}").status_code == 204
    asha.make()
    statuses = [asha.call("POST", f"/alerts/{made[1 + n % 2]['id']}/test").status_code for n in range(11)]
    assert statuses == [202] * 10 + [429]
    response = asha.call("POST", f"/alerts/{made[3]['id']}/test")
    assert int(response.headers["Retry-After"]) > 0


def test_deliveries_a_page_at_a_time_and_once_more(asha: Holder, database: Database) -> None:
    made = asha.make()
    tests = [asha.call("POST", f"/alerts/{made['id']}/test").json["id"] for _ in range(5)]
    path, shown, cursor = f"/alerts/{made['id']}/deliveries", [], ""
    while True:
        page = asha.call("GET", f"{path}?limit=2{cursor}").json
        shown += page["deliveries"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [item["id"] for item in shown] == tests[::-1]
    assert {item["status"] for item in shown} == {"pending"}
    problem_of(asha.call("GET", f"{path}?cursor=x"), 400)
    with database.transaction() as connection:
        run(
            connection,
            "UPDATE alert_delivery SET status = 'failed', attempts = 10, error = 'it answered 500'",
        )
    again = asha.call("POST", f"/alerts/{made['id']}/replay/{tests[0]}")
    assert (again.status_code, again.json["status"], again.json["attempts"]) == (202, "pending", 0)
    problem_of(asha.call("POST", f"/alerts/{made['id']}/replay/{uuid4()}"), 404)


def mail_owner(client: Client, database: Database, address: str = MAIL["address"]) -> tuple[Any, str]:
    """A stranger makes an alert by mail; (answer, token of its link)."""
    made = Holder(client, None).make(to={"channel": "email", "address": address})
    return made, link_of(database, made["id"])


def link_of(database: Database, id_: str, *, until: Any = None) -> str:
    with database.transaction() as connection:
        [(id_, digest, created)] = run(
            connection, "SELECT id, address_digest, created_at FROM alert_rule WHERE id = :id", id=id_
        )
    return confirm_token(SEAL, id_, digest, until or created + CONFIRM_WITHIN)


def test_mail_is_confirmed_by_a_button_and_managed_by_a_token(client: Client, database: Database) -> None:
    made, link = mail_owner(client, database)
    assert (made["state"], made["to"]["address"], "secret" in made) == (
        "unconfirmed",
        "A…@example.org",
        False,
    )
    opened = client.get(url(f"/alerts/confirm/{link}"))
    assert opened.status_code == 200
    assert '<form method="post"><button' in opened.text
    assert "form-action 'self'" in opened.headers["Content-Security-Policy"]
    assert "'active'" not in str(rows(database))  # nothing happens by looking
    pressed = client.post(url(f"/alerts/confirm/{link}"))
    [token] = re.findall(r"<code>(va_[\w-]+)</code>", pressed.text)
    assert "va_" not in client.post(url(f"/alerts/confirm/{link}")).text
    assert "va_" not in client.get(url(f"/alerts/confirm/{link}")).text
    owner = Holder(client, token)
    [mine] = owner.call("GET", "/alerts").json["alerts"]
    assert (mine["id"], mine["state"]) == (made["id"], "active")
    assert owner.make(to=MAIL, city="Pune")["state"] == "active"
    assert owner.make(to={"channel": "email", "address": "other@example.org"})["state"] == "unconfirmed"
    stored = str(rows(database)).lower()
    assert "example.org" not in stored
    assert token.lower() not in stored
    for alert in owner.call("GET", "/alerts").json["alerts"]:
        assert owner.call("DELETE", f"/alerts/{alert['id']}").status_code == 204
    assert rows(database) == []
    problem_of(owner.call("GET", "/alerts"), 401)


def test_the_answer_is_the_same_whether_an_address_is_known_or_not(
    client: Client, database: Database
) -> None:
    _, link = mail_owner(client, database)
    client.post(url(f"/alerts/confirm/{link}"))
    known, _ = mail_owner(client, database)
    unknown, _ = mail_owner(client, database, "boris@example.org")
    for answer in (known, unknown):
        assert answer.pop("id")
        answer["to"].pop("address")
    assert known == unknown


def test_confirmations_are_bounded_for_an_address_and_for_a_client(
    client: Client, database: Database
) -> None:
    stranger = Holder(client, None)
    answers = [stranger.make(to=MAIL) for _ in range(5)]
    assert {answer["state"] for answer in answers} == {"unconfirmed"}
    with database.transaction() as connection:
        assert run(connection, "SELECT count(*) FROM alert_delivery WHERE kind = 'confirm'") == [(3,)]
    for number in range(7):
        stranger.make(to={"channel": "email", "address": f"a{number}@example.org"})
    late = stranger.call("POST", "/alerts", BODY | {"to": {"channel": "email", "address": "b@example.org"}})
    problem_of(late, 429)
    assert late.headers["Retry-After"]


def test_links_that_are_not_ours_or_too_late(client: Client, database: Database, now: datetime) -> None:
    made, link = mail_owner(client, database)
    for wrong in (link[:-1] + ("A" if link[-1] != "A" else "B"), "x", link + "A", "%2e%2e"):
        problem_of(client.get(url(f"/alerts/confirm/{wrong}")), 404)
        problem_of(client.post(url(f"/alerts/confirm/{wrong}")), 404)
        problem_of(client.post(url(f"/alerts/unsubscribe/{wrong}")), 404)
    late = link_of(database, made["id"], until=now - timedelta(seconds=1))
    assert client.get(url(f"/alerts/confirm/{late}")).status_code == 410
    assert client.post(url(f"/alerts/confirm/{late}")).status_code == 410
    assert "'active'" not in str(rows(database))


def test_one_click_ends_it_and_forgets_the_address(client: Client, database: Database) -> None:
    _, link = mail_owner(client, database)
    client.post(url(f"/alerts/confirm/{link}"))
    with database.transaction() as connection:
        [(id_,)] = run(connection, "SELECT id FROM alert_rule")
    token = unsubscribe_token(SEAL, id_)
    assert "<form" in client.get(url(f"/alerts/unsubscribe/{token}")).text
    assert rows(database)
    done = client.post(url(f"/alerts/unsubscribe/{token}"), data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert rows(database) == []
    problem_of(client.post(url(f"/alerts/unsubscribe/{token}")), 404)


def test_a_recipient_who_ends_anothers_alert_must_confirm_again(
    client: Client, asha: Holder, database: Database
) -> None:
    made = asha.make(to=MAIL)
    assert made["state"] == "unconfirmed"
    assert client.post(url(f"/alerts/confirm/{link_of(database, made['id'])}")).status_code == 200
    assert asha.call("GET", f"/alerts/{made['id']}").json["state"] == "active"
    with database.transaction() as connection:
        [(id_,)] = run(connection, "SELECT id FROM alert_rule")
    client.post(url(f"/alerts/unsubscribe/{unsubscribe_token(SEAL, id_)}"))
    ended = asha.call("GET", f"/alerts/{made['id']}").json
    assert (ended["state"], ended["disabled_because"]) == ("disabled", "its recipient has unsubscribed")
    assert asha.call("PATCH", f"/alerts/{made['id']}", {"state": "active"}).json["state"] == "unconfirmed"


def test_another_condition_begins_anew(asha: Holder, database: Database, now: datetime) -> None:
    made = asha.make()
    put_values(database, now, [310, 320])
    with database.transaction() as connection:
        run(connection, "UPDATE alert_state SET phase = 'firing', streak = 0")
    assert asha.call("GET", f"/alerts/{made['id']}").json["phase"] == "firing"
    assert asha.call("PATCH", f"/alerts/{made['id']}", {"language": "hi"}).json["phase"] == "firing"
    assert asha.call("PATCH", f"/alerts/{made['id']}", {"when": AHEAD}).json["phase"] == "clear"
    resting = asha.call("PATCH", f"/alerts/{made['id']}", {"state": "disabled"}).json
    assert (resting["state"], resting["disabled_because"]) == ("disabled", "its owner has switched it off")
    problem_of(asha.call("POST", f"/alerts/{made['id']}/test"), 400)
    again = asha.call("PATCH", f"/alerts/{made['id']}", {"state": "active"}).json
    assert (again["state"], again["disabled_because"]) == ("active", None)


PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"


def test_the_commands_of_the_page_make_alerts(client: Client, asha: Holder) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Make an alert")[2].partition("\n## ")[0]
    bodies = [json.loads(text) for text in re.findall(r"-d '(.*)'\n", section)]
    assert len(bodies) == 2
    bodies[0]["to"]["address"] = HOOK  # that of the page is looked up, and nobody answers here
    bodies[1]["to"]["address"] = MAIL["address"]
    assert asha.make(**bodies[0])["state"] == "active"
    assert Holder(client, None).make(**bodies[1])["state"] == "unconfirmed"


def test_a_city_without_data_may_have_an_alert(asha: Holder) -> None:
    assert asha.make(city="Warangal")["phase"] == "clear"


def test_without_a_key_alerts_are_not_set_up(database: Database, now: datetime) -> None:
    bare = context_of(database, now)
    someone = Holder(create_app(bare).test_client(), new_key(bare, "bare"))
    for method, path, body in (("POST", "/alerts", BODY), ("GET", "/alerts", None)):
        assert "VAYU_ALERTS_KEY" in problem_of(someone.call(method, path, body), 503)["detail"]
    bare.probe.close()


def test_addresses_are_in_no_answer_and_no_log(
    asha: Holder, caplog: pytest.LogCaptureFixture, database: Database
) -> None:
    made = asha.make()
    texts = [
        asha.call("GET", "/alerts").text,
        asha.call("POST", f"/alerts/{made['id']}/test").text,
        asha.call(
            "POST", "/alerts", BODY | {"to": {"channel": "webhook", "address": "https://10.0.0.7/s3cr3t"}}
        ).text,
        json.dumps(made),
        str([vars(record) for record in caplog.records]),
    ]
    assert "/api/v1/alerts" in texts[-1]
    assert "secret-of-the-address" not in str(texts)
    assert "s3cr3t" not in str(texts)


def test_a_link_that_is_no_mails_is_refused_in_words(client: Client) -> None:
    for address in ("/alerts/confirm/", "/alerts/unsubscribe/"):
        problem = problem_of(client.post(url(address + "0" * 201)), 400)
        assert problem["detail"].startswith("token must be text of 1 to 200 characters")


@pytest.mark.parametrize(("name", "method"), [("feed.atom", "GET"), ("preview", "POST"), ("scores", "GET")])
def test_what_is_no_alert_has_its_own_methods(client: Client, name: str, method: str) -> None:
    allowed = set(client.options(url(f"/alerts/{name}")).headers["Allow"].split(", "))
    assert allowed - {"HEAD", "OPTIONS"} == {method}


def test_no_token_of_a_mail_is_in_the_log(
    client: Client, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    _, link = mail_owner(client, database)
    caplog.clear()
    for way in ("confirm", "unsubscribe"):
        for call in (client.get, client.post):
            call(url(f"/alerts/{way}/{link}"))
    lines = [vars(record) for record in caplog.records]
    assert link not in str(lines)
    assert [line["path"] for line in lines] == [
        url(f"/alerts/{way}/{{token}}") for way in ("confirm", "confirm", "unsubscribe", "unsubscribe")
    ]
