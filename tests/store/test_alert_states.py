"""What rules have seen, and what there is for them to see."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alert_rows import FORECAST, issued, put_owner, put_rule, put_values

from common.alerts.due import Series
from common.alerts.state import FRESH
from common.store.alert_states import newest_signals, signals_seen
from common.store.engine import Database, run
from common.store.forecasts import insert_forecast

if TYPE_CHECKING:
    from datetime import datetime

HOUR = timedelta(hours=1)


def test_the_rule_furthest_behind_says_what_was_seen(database: Database, now: datetime) -> None:
    owner = put_owner(database, now)

    def put(seen: datetime | None, **parts: object) -> None:
        rule = put_rule(database, owner, now, **parts)
        with database.transaction() as connection:
            run(
                connection,
                "UPDATE alert_state SET signal_time = :seen WHERE rule = :rule",
                seen=seen,
                rule=rule.id,
            )

    for seen in (now, now - HOUR):
        put(seen, city="Delhi")
    for seen in (now, None):
        put(seen, city="Pune")
    put(now, city="Pune", when=FORECAST)
    put(None, city="Agra", state="disabled")
    with database.reading() as connection:
        assert signals_seen(connection) == {
            Series("Delhi", "measured", "aqi"): now - HOUR,
            Series("Pune", "measured", "aqi"): None,
            Series("Pune", "forecast", "aqi"): now,
        }


def test_signals_are_hours_with_a_value_and_issues_that_are_not_stale(
    database: Database, now: datetime
) -> None:
    put_values(database, now + HOUR, [310, 320, None, 330])  # the last one is of the future
    put_values(database, now - FRESH, [310], city="Pune")
    put_values(database, now, [None], city="Agra")
    with database.transaction() as connection:
        run(connection, "UPDATE city_hour SET pm25 = 80 WHERE time = :now AND city = 'Delhi'", now=now)
        for origin, given in (
            (now - 2 * HOUR, {}),
            (now - HOUR, {}),
            (now, {"mode": "replay"}),
            (now + HOUR, {}),
            (now - HOUR, {"target": "pm25"}),
        ):
            assert insert_forecast(connection, issued("Delhi", origin, **given))
        assert insert_forecast(connection, issued("Pune", now - FRESH))
    with database.reading() as connection:
        live = newest_signals(connection, mode="live", now=now)
        replayed = newest_signals(connection, mode="replay", now=now)
    hours = {Series("Delhi", "measured", "aqi"): now - HOUR, Series("Delhi", "measured", "pm25"): now}
    assert live == hours | {
        Series("Delhi", "forecast", "aqi"): now - HOUR,
        Series("Delhi", "forecast", "pm25"): now - HOUR,
    }
    assert replayed == hours | {Series("Delhi", "forecast", "aqi"): now}
