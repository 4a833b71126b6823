"""How alerts do: a rule replayed on the record, the scores of those that were given, and the public feed."""

from datetime import datetime, timedelta
from typing import Any

from flask import Response
from flask_openapi3 import Tag

from common.alerts.atom import ATOM, feed
from common.alerts.cap import MEDIA_TYPE, cap_xml
from common.api.alert_rules import check_parts, city_of, own_rule
from common.api.blueprint import Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.schemas.alert_record import (
    AlertScores,
    CapPath,
    FeedQuery,
    Preview,
    PreviewBody,
    RuleScore,
)
from common.api.schemas.alerts import AlertPath, AlertWhen, condition_of
from common.api.serialize_alerts import judgement_json, outcomes_json, scores_json
from common.api.serialize_values import utc
from common.domain.cities import find_city
from common.domain.errors import DataError, Fault, NotFound
from common.domain.observation import last_full_hour
from common.store import alert_outcomes, public_alerts
from common.store.reads.alert_record import OnRecord, preview_on_record

RECORD_OF_ALERTS = Tag(
    name="Alert record", description="How alerts would have done, how they did, and the public feed"
)
api = Blueprint("alert_record", abp_tags=[RECORD_OF_ALERTS])

USUAL = timedelta(days=92)
LONGEST = timedelta(days=366)
OUTCOMES_SHOWN = 100


@api.post("/alerts/preview", responses={200: Preview, 413: Problem, 415: Problem}, cache="data")
def preview(body: PreviewBody) -> dict[str, Any]:
    """A rule replayed on what is on record of a city: its alerts, and what came of them.

    Nothing is stored. A rule on measured values goes through the hours as they are known now, a rule on forecasts
    through what was issued.
    """
    city = city_of(body.city)
    check_parts(body.when, None)
    start, until = _period(body.from_, body.to, context.clock())
    when = condition_of(body.when)
    with context.database.reading() as connection:
        on_record = preview_on_record(connection, city.name, when, start=start, until=until)
    return Preview.answer(
        city=city.name,
        when=AlertWhen.answer(**{name: getattr(when, name) for name in AlertWhen.model_fields}),
        from_=utc(start),
        to=utc(until),
        mode=on_record.mode,
        issues=on_record.issues,
        **judgement_json(on_record.judgement),
        note=_nothing(on_record),
        simulated=context.simulated(),
    )


def _period(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The time to replay, not later than now.

    Raises:
        DataError: when it is too long, or ends before it begins.
    """
    until = now if end is None else min(end, now)
    first = until - USUAL if start is None else start
    if first >= until:
        allowed = "a time before to, and before now"
        fault = Fault("pointer", "/from", f"{utc(first):%Y-%m-%dT%H:%M:%SZ}", allowed)
        raise DataError(f"the body does not fit: /from must be {allowed}, not {fault.given}", faults=(fault,))
    if until - first > LONGEST:
        allowed = f"at most {LONGEST.days} days before to"
        fault = Fault("pointer", "/from", f"{utc(first):%Y-%m-%dT%H:%M:%SZ}", allowed)
        raise DataError(f"the body does not fit: /from must be {allowed}, not {fault.given}", faults=(fault,))
    return first, until


def _nothing(on_record: OnRecord) -> str | None:
    """Why there is nothing, where there is nothing."""
    if not on_record.judgement.hours:
        return "No hour of this city and time has a value of this target, so nothing can be judged."
    if on_record.issues == 0:
        return "No forecast of this city and target was issued in this time, so there was nothing to fire on."
    return None


@api.get("/alerts/scores", responses={200: AlertScores}, cache="minute")
def alert_scores() -> dict[str, Any]:
    """How the alerts did that were really given, by city: hits, misses, false alarms, warning.

    Those of the public rules, and those of users where enough of them have outcomes there: of none alone.
    """
    with context.database.reading() as connection:
        cells = alert_outcomes.scores(connection)
    return AlertScores.answer(
        scores=scores_json(cells),
        fewest_owners=alert_outcomes.FEWEST_OWNERS,
        simulated=context.simulated(),
    )


@api.get("/alerts/<id>/score", responses={200: RuleScore, 404: Problem}, scope="alerts")
def rule_score(path: AlertPath) -> dict[str, Any]:
    """How an alert of yours did: what it warned of, what it missed, and when it was wrong."""
    with context.database.reading() as connection:
        own_rule(connection, path.id)
        outcomes = alert_outcomes.outcomes_of(connection, path.id)
    return RuleScore.answer(id=str(path.id), **outcomes_json(outcomes, shown=OUTCOMES_SHOWN))


@api.get(
    "/alerts/feed.atom",
    responses={200: {"content": {ATOM: {"schema": {"type": "string"}}}}, 404: Problem},
    cache="minute",
)
def alert_feed(query: FeedQuery) -> Response:
    """The public alerts as an Atom feed, newest first, in English or Hindi; each links to its CAP document."""
    city = None if query.city is None else find_city(query.city)
    simulated = context.simulated()
    with context.database.reading() as connection:
        messages = public_alerts.newest_messages(
            connection, city=None if city is None else city.name, simulated=simulated
        )
    content = feed(
        messages,
        context.publisher,
        query.language,
        now=last_full_hour(context.clock()),
        city=city,
        simulated=simulated,
    )
    return Response(content, content_type=f"{ATOM}; charset=utf-8")


@api.get(
    "/alerts/cap/<seq>.xml",
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}, 404: Problem},
    cache="data",
)
def cap(path: CapPath) -> Response:
    """A public alert in the Common Alerting Protocol 1.2, in English and Hindi; it never changes."""
    with context.database.reading() as connection:
        message = public_alerts.message_of(connection, path.seq, simulated=context.simulated())
    if message is None:
        raise NotFound("no public alert has that number; /api/v1/alerts/feed.atom lists them")
    return Response(cap_xml(message, context.publisher), content_type=f"{MEDIA_TYPE}; charset=utf-8")
