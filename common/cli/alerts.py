"""``alerts``: rules of all owners, what a rule would have done, a test, and having one rest."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from common.alerts.rule import Condition
from common.cli.context import cities_named, opened
from common.cli.main import main
from common.cli.output import aside, emit, json_option, make_table, offline_option
from common.cli.param_types import MOMENT
from common.domain.errors import DataError, NotFound
from common.services.alert_sending import send_due
from common.store import alert_deliveries, alerts
from common.store.alert_overview import all_rules
from common.store.reads.alert_record import preview_on_record

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from common.alerts.scoring import Judgement
    from common.services.resources import Resources
    from common.store.alert_overview import RuleOverview
    from common.store.alerts import Stored
    from common.store.engine import Connection
    from common.store.reads.alert_record import OnRecord

USUAL_DAYS = 92
LONGEST_DAYS = 366
_SEND_S = 30.0
_UNITS = {"aqi": "AQI", "pm25": "µg/m³"}


@main.group("alerts")
def alerts_group() -> None:
    """See and try alerts. Their owners make them over the API: docs/alerts.md."""


@alerts_group.command("list")
@click.option("--city", metavar="CITY", help="Only those of this city.")
@click.option("--public", is_flag=True, help="The public rules of every city, too.")
@offline_option
@json_option
def list_alerts(city: str | None, public: bool, offline: bool, as_json: bool) -> None:
    """List the rules of all owners, and where each stands. Addresses are not shown: they are sealed."""
    name = None if city is None else cities_named([city])[0].name
    with opened(offline=offline) as resources, resources.database.reading() as connection:
        rules = all_rules(connection, city=name, public=public)
    headings = ("id", "city", "fires at", "channel", "owner", "state", "phase", "last message")
    rows = [
        (
            str(rule.id),
            rule.city,
            in_words(rule.when),
            rule.channel,
            rule.owner,
            rule.state,
            rule.phase,
            None if rule.last_at is None else f"{rule.last_status}, {rule.last_at:%Y-%m-%d %H:%M}Z",
        )
        for rule in rules
    ]
    emit(
        {"alerts": [_rule_json(rule) for rule in rules]},
        as_json=as_json,
        table=make_table("Alerts", headings, rows) if rules else "there are no alerts",
    )


def in_words(when: Condition) -> str:
    """A condition in a few words."""
    level = f"{_UNITS[when.target]} {when.above:g}"
    if when.on == "measured":
        return f"{level} for {when.dwell} h"
    return f"{level} within {when.within_hours} h, {when.probability:.0%}"


def _rule_json(rule: RuleOverview) -> dict[str, Any]:
    return asdict(rule) | {"when": structs.asdict(rule.when)}


@alerts_group.command("preview")
@click.argument("city")
@click.option(
    "--on",
    type=click.Choice(["measured", "forecast"]),
    default="forecast",
    show_default=True,
    help="What the rule is about.",
)
@click.option(
    "--target",
    type=click.Choice(["aqi", "pm25"]),
    default="aqi",
    show_default=True,
    help="The index, or PM2.5 in µg/m³.",
)
@click.option("--above", type=click.FloatRange(1, 2000), required=True, help="It fires at this value.")
@click.option(
    "--clear-below", type=click.FloatRange(0.5, 2000), help="Over below this; by itself a tenth less."
)
@click.option("--within-hours", type=click.IntRange(1, 48), help="On forecasts: how far ahead; by itself 24.")
@click.option(
    "--probability", type=click.FloatRange(0.01, 1), help="On forecasts: from which on; by itself 0.5."
)
@click.option("--dwell", type=click.IntRange(1, 24), default=2, show_default=True, help="So many must agree.")
@click.option("--from", "start", type=MOMENT, help="By itself 92 days before the end.")
@click.option("--to", "end", type=MOMENT, help="By itself, and at the latest: now.")
@offline_option
@json_option
def preview(
    city: str,
    start: datetime | None,
    end: datetime | None,
    offline: bool,
    as_json: bool,
    **condition: Any,
) -> None:
    """Replay a rule on the record of CITY: the alerts that it would have given, and what came of them."""
    name, when = cities_named([city])[0].name, _condition(**condition)
    with opened(offline=offline) as resources:
        start, end = _period(start, end, resources.clock())
        with resources.database.reading() as connection:
            on_record = preview_on_record(connection, name, when, start=start, until=end)
    judgement = on_record.judgement
    result = {"city": name, "when": structs.asdict(when), "from": start, "to": end} | _judgement_json(
        on_record
    )
    emit(
        result, as_json=as_json, table=make_table(f"{name}: {in_words(when)}", _COUNTS, [_counts(judgement)])
    )
    if not as_json:
        _say_what_is_missing(on_record)


def _condition(**given: Any) -> Condition:
    ahead = given["on"] == "forecast"
    for name in ("within_hours", "probability"):
        if given[name] is not None and not ahead:
            option = "--" + name.replace("_", "-")
            raise click.BadParameter(
                f"{option} is for rules on forecasts only; leave it out, or say --on forecast"
            )
    if given["target"] == "aqi" and given["above"] > 499:
        raise click.BadParameter("--above of an AQI must be 499 or less")
    if given["clear_below"] is None:
        given["clear_below"] = given["above"] * 0.9
    if given["clear_below"] > given["above"]:
        raise click.BadParameter("--clear-below must not be higher than --above")
    if ahead:
        given |= {"within_hours": given["within_hours"] or 24, "probability": given["probability"] or 0.5}
    return Condition(**given)


def _period(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    end = now if end is None else min(end, now)
    start = end - timedelta(days=USUAL_DAYS) if start is None else start
    if not timedelta(0) < end - start <= timedelta(days=LONGEST_DAYS):
        raise click.BadParameter(
            f"--from must be before --to, and before now, by at most {LONGEST_DAYS} days"
        )
    return start, end


_COUNTS = ("hours", "alerts", "hits", "false alarms", "misses", "POD", "FAR", "CSI", "median warning h")


def _counts(judgement: Judgement) -> tuple[object, ...]:
    warnings = judgement.warnings
    return (
        judgement.hours,
        len(judgement.alerts),
        warnings.hits,
        warnings.false_alarms,
        warnings.misses,
        warnings.pod,
        warnings.far,
        warnings.csi,
        judgement.median_warning_hours,
    )


def _judgement_json(on_record: OnRecord) -> dict[str, Any]:
    judgement = on_record.judgement
    names = (
        "hours", "alerts", "hits", "false_alarms", "misses", "pod", "far", "csi", "median_warning_hours",
    )  # fmt: skip
    return {
        "mode": on_record.mode,
        "issues": on_record.issues,
        **dict(zip(names, _counts(judgement), strict=True)),
        "late": sum(each.outcome == "late" for each in judgement.alerts),
        "episodes": [
            {
                "from": each.start,
                "to": each.end,
                "peak": each.peak,
                "outcome": each.outcome,
                "warned_at": each.warned_at,
                "warning_hours": each.warning_hours,
            }
            for each in judgement.exceedances
        ],
    }


def _say_what_is_missing(on_record: OnRecord) -> None:
    if not on_record.judgement.hours:
        aside.print(
            "no hour of this city and time has a value: fill the past by vayu backfill or vayu import"
        )
    elif on_record.issues == 0:
        aside.print("no forecast was issued in this time: vayu replay makes those of imported history")


@alerts_group.command("test")
@click.argument("rule", metavar="ID", type=click.UUID)
@offline_option
@json_option
def test(rule: UUID, offline: bool, as_json: bool) -> None:
    """Send a test message by the alert ID now, and say what became of it."""
    with opened(offline=offline) as resources:
        now = resources.clock()
        with resources.database.transaction() as connection:
            stored = _private(connection, rule)
            if stored.state != "active":
                raise DataError(f"the alert is {stored.state}; only an active one sends tests")
            if resources.seal is None:
                raise DataError("addresses cannot be read without VAYU_ALERTS_KEY; set it to the API's")
            id_ = alert_deliveries.add_delivery(connection, rule, "test", now=now)
        send_due(resources, seconds=_SEND_S)
        with resources.database.reading() as connection:
            [delivery] = alert_deliveries.deliveries_of(connection, rule, id_=id_)
    answered = "" if delivery.response_status is None else f", status {delivery.response_status}"
    because = "" if delivery.error is None else f": {delivery.error}"
    emit(
        {"id": id_, "status": delivery.status, "attempts": delivery.attempts}
        | {"response_status": delivery.response_status, "error": delivery.error},
        as_json=as_json,
        table=f"the test is {delivery.status}{answered}{because}",
    )
    if delivery.status != "delivered":
        raise click.exceptions.Exit(1)


@alerts_group.command("disable")
@click.argument("rule", metavar="ID", type=click.UUID)
@click.option(
    "--because", default="the operator disabled it", show_default=True, help="What its owner is shown."
)
@offline_option
@json_option
def disable(rule: UUID, because: str, offline: bool, as_json: bool) -> None:
    """Have the alert ID rest. Its owner sees why, and may make it active again."""
    with opened(offline=offline) as resources:
        _disable(resources, rule, because)
    emit({"id": rule, "state": "disabled"}, as_json=as_json, table=f"{rule} is disabled")


def _disable(resources: Resources, rule: UUID, because: str) -> None:
    if not because.strip() or len(because) > 200 or not because.isprintable():
        raise click.BadParameter("--because must be 1 to 200 printable characters")
    with resources.database.transaction() as connection:
        stored = _private(connection, rule)
        alerts.lock_alerts(connection, [stored.rule.city])
        alerts.disable_rules(connection, [rule], because, now=resources.clock())


def _private(connection: Connection, rule: UUID) -> Stored:
    """A rule that somebody owns."""
    stored = alerts.rule_by_id(connection, rule)
    if stored is None:
        raise NotFound(f"there is no alert {rule}; vayu alerts list shows them")
    if stored.rule.channel not in ("webhook", "email", "slack", "sms"):
        raise DataError("that is a public rule, which sends nothing; VAYU_PUBLIC_ALERTS=off ends them all")
    return stored
