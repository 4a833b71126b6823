"""Alerts: rules of their owners, what was sent, and the links of mails. What rules do: `common.services.alerts`."""

from typing import Any
from uuid import UUID

from flask import Response, request
from flask_openapi3 import Tag
from werkzeug.routing import BaseConverter

from common.alerts.links import read_unsubscribe_token
from common.api import alert_changes
from common.api.alert_pages import HTML, page
from common.api.alert_rules import (
    TESTS_AN_HOUR,
    alert_json,
    caller,
    delivery_json,
    own_rule,
    owner_id,
    sealed,
)
from common.api.blueprint import BASE, Blueprint
from common.api.context import context
from common.api.errors import Problem, refused
from common.api.middleware.access_control import unauthorized
from common.api.responses import json_response
from common.api.schemas.alerts import (
    Alert,
    AlertBody,
    AlertChange,
    AlertPath,
    Alerts,
    AlertTokenPath,
    Deliveries,
    DeliveriesQuery,
    Delivery,
    DeliveryPath,
)
from common.domain.errors import DataError, Fault, Gone, NotFound, TooSoon
from common.store import alert_deliveries, alerts
from common.store.alerts import Stored

ALERTS = Tag(name="Alerts", description="Rules, and the messages that they send")
_IN_HTML = {"content": {HTML: {"schema": {"type": "string"}}}}
_REFUSALS = {404: Problem}
_BODY_REFUSALS = {404: Problem, 409: Problem, 413: Problem, 415: Problem}
api = Blueprint("alerts", abp_tags=[ALERTS])


class _NotAddress(BaseConverter):
    """Any name but those of the addresses beside it, so that a PATCH of one of them is a 405, not an unknown alert."""

    regex = r"(?!(?:feed\.atom|preview|scores)$)[^/]+"


api.record(lambda state: state.app.url_map.converters.update(not_address=_NotAddress))


@api.post(
    "/alerts",
    responses={201: Alert, 409: Problem, 413: Problem, 415: Problem},
    scope="alerts",
    by_strangers=True,
)
def make(body: AlertBody) -> Response:
    """Make an alert; the secret of a webhook is shown this once.

    Without a token an alert by e-mail may be made. It begins once its address is confirmed, by a link in a mail that
    is sent there; the answer is the same whether the address is known here or not.
    """
    if caller() is None and body.to.channel != "email":
        needed = "this needs a token that allows alerts; without one, alerts may go to an e-mail address"
        return refused(unauthorized(needed, wrong=False))
    made = alert_changes.make_alert(body)
    response = json_response(_shown(made.stored, made.secret), 201)
    response.headers["Location"] = f"{request.root_path}{BASE}/alerts/{made.stored.rule.id}"
    return response


@api.get("/alerts", responses={200: Alerts}, scope="alerts")
def mine() -> dict[str, Any]:
    """All alerts of yours, the newest first."""
    seal, who, simulated = sealed(), caller(), context.simulated()
    with context.database.reading() as connection:
        owner = None if who is None else owner_id(connection, who)
        own = [] if owner is None else alerts.rules_of(connection, owner)
    return Alerts.answer(alerts=[alert_json(stored, seal, simulated=simulated) for stored in own])


@api.get("/alerts/<not_address:id>", responses={200: Alert, **_REFUSALS}, scope="alerts")
def mine_by_id(path: AlertPath) -> dict[str, Any]:
    """An alert of yours, and where it stands."""
    with context.database.reading() as connection:
        return _shown(own_rule(connection, path.id))


@api.patch("/alerts/<not_address:id>", responses={200: Alert, **_BODY_REFUSALS}, scope="alerts")
def change(path: AlertPath, body: AlertChange) -> dict[str, Any]:
    """Change an alert of yours, have it rest or go on, or replace its secret.

    Another condition begins anew: what fires by the former is over, silently. What waits goes to the new address.
    """
    made = alert_changes.change_alert(path.id, body)
    return _shown(made.stored, made.secret)


@api.delete(
    "/alerts/<not_address:id>", responses={204: {"description": "Deleted"}, **_REFUSALS}, scope="alerts"
)
def delete(path: AlertPath) -> Response:
    """Delete an alert of yours, its address and its deliveries; with the last, all that is known of you."""
    alert_changes.delete_alert(path.id)
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


@api.get("/alerts/<id>/deliveries", responses={200: Deliveries, **_REFUSALS}, scope="alerts")
def deliveries(path: AlertPath, query: DeliveriesQuery) -> dict[str, Any]:
    """What an alert of yours has sent, the newest first."""
    before = _number(query.cursor)
    with context.database.reading() as connection:
        own_rule(connection, path.id)
        shown = alert_deliveries.deliveries_of(connection, path.id, before=before, limit=query.limit + 1)
    more = shown[query.limit - 1].number if len(shown) > query.limit else None
    return Deliveries.answer(
        deliveries=[delivery_json(item) for item in shown[: query.limit]],
        next=None if more is None else str(more),
    )


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 18:
        fault = Fault("parameter", "cursor", cursor[:40], "next of the page before")
        raise DataError("cursor must be next of the page before", faults=(fault,))
    return int(cursor)


@api.post("/alerts/<id>/test", responses={202: Delivery, **_REFUSALS}, scope="alerts")
def test(path: AlertPath) -> Response:
    """Send a test message by an alert of yours, once; the answer is its delivery, which GET deliveries shows."""
    now = context.clock()
    with context.database.transaction() as connection:
        stored = own_rule(connection, path.id)
        if stored.state != "active":
            raise DataError(f"the alert is {stored.state}; only an active one sends tests")
        alerts.lock_owner(connection, stored.rule.owner)
        if alert_deliveries.count_tests(connection, stored.rule.owner, now=now) >= TESTS_AN_HOUR:
            raise TooSoon(f"at most {TESTS_AN_HOUR} tests an hour; try again later", retry_after_s=3600)
        id_ = alert_deliveries.add_delivery(connection, path.id, "test", now=now)
    return _accepted(path.id, id_)


@api.post("/alerts/<id>/replay/<delivery>", responses={202: Delivery, **_REFUSALS}, scope="alerts")
def replay(path: DeliveryPath) -> Response:
    """Send a message of an alert of yours again, with the same id; one that waits or is on its way stays as it is."""
    with context.database.transaction() as connection:
        stored = own_rule(connection, path.id)
        if stored.state != "active":
            raise DataError(f"the alert is {stored.state}; only an active one sends messages")
        waiting = alert_deliveries.replay_delivery(connection, path.id, path.delivery, now=context.clock())
    if waiting is None:
        allowed = "a firing, repeat, clear or test of the alert's deliveries"
        fault = Fault("parameter", "delivery", str(path.delivery), allowed)
        raise NotFound("the alert has no such delivery", faults=(fault,))
    return _accepted(path.id, path.delivery)


def _accepted(rule: UUID, id_: UUID) -> Response:
    alert_changes.wake()
    with context.database.reading() as connection:
        [shown] = alert_deliveries.deliveries_of(connection, rule, id_=id_)
    response = json_response(delivery_json(shown), 202)
    response.headers["Location"] = f"{request.root_path}{BASE}/alerts/{rule}/deliveries"
    return response


@api.get("/alerts/confirm/<token>", responses={200: _IN_HTML, **_REFUSALS, 410: Problem}, scope=None)
def confirmation(path: AlertTokenPath) -> Response:
    """The page behind the link of a confirmation mail; its button confirms."""
    known = alert_changes.find_confirmable(path.token)
    rule = known.stored.rule
    if known.over:
        return page("expired", rule.language, rule.city, status=410)
    name = "confirm" if known.stored.state == "unconfirmed" else "confirmed"
    return page(name, rule.language, rule.city)


@api.post(
    "/alerts/confirm/<token>",
    responses={200: _IN_HTML, **_REFUSALS, 409: Problem, 410: Problem},
    scope=None,
)
def confirm(path: AlertTokenPath) -> Response:
    """Confirm an e-mail address; its owner is shown the token by which he manages his alerts."""
    try:
        stored, token = alert_changes.confirm(path.token)
    except Gone:
        rule = alert_changes.find_confirmable(path.token).stored.rule
        return page("expired", rule.language, rule.city, status=410)
    name = "confirmed" if token is None else "token"
    return page(name, stored.rule.language, stored.rule.city, token=token)


@api.get("/alerts/unsubscribe/<token>", responses={200: _IN_HTML, **_REFUSALS}, scope=None)
def unsubscription(path: AlertTokenPath) -> Response:
    """The page behind the link of a mail by which it is the last; its button ends the alert."""
    stored = _to_end(path.token)
    return page("unsubscribe", stored.rule.language, stored.rule.city)


@api.post("/alerts/unsubscribe/<token>", responses={200: _IN_HTML, **_REFUSALS}, scope=None)
def unsubscribe(path: AlertTokenPath) -> Response:
    """End an alert by e-mail, as mail programs do by one click (RFC 8058)."""
    stored = _to_end(path.token)
    alert_changes.unsubscribe(stored.rule.id)
    return page("unsubscribed", stored.rule.language, stored.rule.city)


def _to_end(token: str) -> Stored:
    id_ = read_unsubscribe_token(sealed(), token)
    stored = None
    if id_ is not None:
        with context.database.reading() as connection:
            stored = alerts.rule_by_id(connection, id_)
    if stored is None:
        fault = Fault("parameter", "token", None, "that of a link in a mail of ours")
        raise NotFound("there is no such alert; it may have ended already", faults=(fault,))
    return stored


def _shown(stored: Stored, secret: str | None = None) -> dict[str, Any]:
    return alert_json(stored, sealed(), simulated=context.simulated(), secret=secret)
