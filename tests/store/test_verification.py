"""The record: forecasts as issued, the truth beside them, and scores from SQL against those of `common.metrics`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy.exc import DBAPIError
from synthetic import END, hours, put_hours

from common.domain.aqi import category
from common.domain.breakpoints import CATEGORIES, half_up
from common.domain.forecast import BLOCKS, EXCEEDED, HORIZON, NAIVE, Mode, Target
from common.domain.observation import HOUR
from common.features import INPUTS
from common.metrics import interval_scores, scores
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast, insert_forecast, score
from common.store.score_aggregates import TENTH
from common.store.verification import Record, Span, cities_with_record, reliability
from common.store.verification import record as read_record

if TYPE_CHECKING:
    from datetime import datetime

    from common.features import Array

HISTORY = hours(8, seed=6, gaps=0.1)
EVER = END - timedelta(days=100)
LONG = 24 * 30
ORIGINS = [END - back * HOUR for back in (140, 120, 110, 96, 80, 60, 49, 48, 30, 7, 3)]


def truth(target: Target, origin: datetime, known_until: datetime = END, history: Array = HISTORY) -> Array:
    """What became of the 48 hours after an origin, nan where it is not known by then."""
    series = history[:, INPUTS.index(target)]
    at = len(series) - 1 - int((END - origin) / HOUR)
    padded = np.concatenate([series, np.full(HORIZON, np.nan)])[at + 1 : at + 1 + HORIZON]
    padded[int((known_until - origin) / HOUR) if known_until > origin else 0 :] = np.nan
    return padded


def made(origin: datetime, *, target: Target = "aqi", mode: Mode = "live", **given: Any) -> IssuedForecast:
    """A forecast of random numbers that float4 holds exactly."""
    random = np.random.default_rng([int(origin.timestamp()), len(target), len(mode)])
    y = random.integers(20, 400, HORIZON) / 2
    wide, narrow = random.integers(30, 90, HORIZON), random.integers(5, 30, HORIZON)
    fields: dict[str, Any] = {
        "city": "Delhi", "target": target, "mode": mode, "issued_at": origin + timedelta(minutes=9),
        "origin": origin, "known_until": origin, "model_version": None, "family": "linear",
        "inputs_hash": "x", "basis": "measured", "source": "cpcb", "y": y.tolist(),
        "lo80": (y - narrow).tolist(), "hi80": (y + narrow).tolist(),
        "lo95": (y - wide).tolist(), "hi95": (y + wide).tolist(),
        "categories": [], **{name: (random.integers(20, 400, HORIZON) / 2).tolist() for name in NAIVE},
    }  # fmt: skip
    return IssuedForecast(**(fields | given))


def span(**given: Any) -> Span:
    """All there is of Delhi's live AQI, but for what is given."""
    fields: dict[str, Any] = {"city": "Delhi", "target": "aqi", "mode": "live", "start": EVER, "end": END}
    return Span(**(fields | given))


def issue(database: Database, *forecasts: IssuedForecast) -> None:
    with database.transaction() as connection:
        for forecast in forecasts:
            assert insert_forecast(connection, forecast)


def scored(database: Database, now: datetime = END, *, mode: Mode = "live", **reach: int) -> int:
    with database.transaction() as connection:
        return score(connection, mode=mode, now=now, **reach)


def actual(database: Database, origin: datetime) -> Array | None:
    """The truth kept beside the live AQI forecast of an origin, nan where it is not known."""
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT actual FROM forecast_truth WHERE (origin, target, mode) = (:origin, 'aqi', 'live')",
            origin=origin,
        )
    return np.array(rows[0][0], dtype=np.float64) if rows else None


def expected(
    forecasts: list[IssuedForecast], lead: int | None, known_until: datetime = END
) -> dict[str, Any]:
    """Scores of one lead time, or of all, from the forecasts and the truth."""
    columns = list(range(HORIZON)) if lead is None else [lead - 1]
    real = np.stack([truth(forecast.target, forecast.origin, known_until) for forecast in forecasts])[
        :, columns
    ]
    known = np.isfinite(real)
    counted = [forecast for forecast, row in zip(forecasts, known, strict=True) if row.any()]
    naive = [name for name in NAIVE if all(getattr(forecast, name) is not None for forecast in counted)]
    values = {
        name: np.stack([getattr(forecast, name) or [np.nan] * HORIZON for forecast in forecasts])[:, columns][
            known
        ]
        for name in ("y", "lo80", "hi80", "lo95", "hi95", *naive)
    }
    real = real[known]
    return {
        **scores(real, values["y"], {name: values[name] for name in naive}),
        **interval_scores(real, values),
        "bias": (values["y"] - real).mean(),
    }


@pytest.mark.parametrize("target", ["aqi", "pm25"])
def test_scores_by_lead_time_are_those_of_the_pairs(database: Database, target: Target) -> None:
    put_hours(database, "Delhi", HISTORY)
    forecasts = [made(origin, target=target) for origin in ORIGINS]
    issue(database, *forecasts)
    assert scored(database) == len(ORIGINS)
    with database.transaction() as connection:
        record = read_record(connection, span(target=target))
    assert record is not None
    by_lead = record.by_lead
    assert [lead_score.lead for lead_score in by_lead] == list(range(1, HORIZON + 1))
    for lead_score in (record.pooled, *by_lead):
        wanted = expected(forecasts, lead_score.lead)
        assert lead_score.best_naive == wanted.pop("best_naive")
        sums = {name: getattr(lead_score, name) for name in wanted} | {
            "naive_mae": lead_score.naive_mae[lead_score.best_naive]
        }
        assert sums == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    assert record.pooled.n == sum(lead_score.n for lead_score in by_lead)
    assert list(record.by_block) == list(BLOCKS)
    for (first, last), score_of in record.by_block.items():
        assert score_of.n == sum(lead_score.n for lead_score in by_lead[first - 1 : last])


def test_the_record_is_of_the_origins_and_the_family_asked_for(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    forecasts = [
        made(origin, family="linear" if number % 2 else "naive") for number, origin in enumerate(ORIGINS)
    ]
    issue(database, *forecasts)
    scored(database)
    with database.transaction() as connection:
        part = read_record(connection, span(start=ORIGINS[0], end=ORIGINS[3]))
        naive = read_record(connection, span(family="naive"))
        nothing = read_record(connection, span(city="Mumbai"))
        together = read_record(connection, span())
        assert cities_with_record(connection, mode="live", start=EVER, end=END) == ["Delhi"]
        assert cities_with_record(connection, mode="live", start=END, end=END + HOUR) == []
    assert part is not None
    assert naive is not None
    assert together is not None
    assert part.pooled.mae == pytest.approx(expected(forecasts[1:4], None)["mae"], rel=1e-5)
    assert naive.pooled.mae == pytest.approx(expected(forecasts[::2], None)["mae"], rel=1e-5)
    assert nothing is None
    assert set(together.by_family) == {"linear", "naive"}
    for lead_score, other in zip(together.by_family["naive"], naive.by_lead, strict=True):
        assert lead_score.sums == pytest.approx(other.sums)
    assert list(together.by_season) == ["post-monsoon"]


def test_the_truth_is_what_is_known_by_then(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    origin = END - 60 * HOUR
    issue(database, made(origin), made(END))
    assert scored(database, origin) == 0
    for later in (5, 20, 48):
        now = origin + later * HOUR
        assert scored(database, now) == 1
        np.testing.assert_array_equal(actual(database, origin), truth("aqi", origin, now))
    assert scored(database) == 0
    assert actual(database, END) is None


def test_late_truth_and_corrections_are_set_right(database: Database) -> None:
    origin = END - 50 * HOUR
    late = HISTORY.copy()
    late[-30:-20] = np.nan
    put_hours(database, "Delhi", late)
    issue(database, made(origin))
    assert scored(database) == 1
    np.testing.assert_array_equal(actual(database, origin), truth("aqi", origin, history=late))
    assert scored(database) == 0  # nothing new
    put_hours(database, "Delhi", HISTORY)
    assert scored(database, END + timedelta(minutes=5)) == 1
    np.testing.assert_array_equal(actual(database, origin), truth("aqi", origin))
    corrected = HISTORY.copy()
    corrected[-10, INPUTS.index("aqi")] = 321
    put_hours(database, "Delhi", corrected)
    assert scored(database, END + timedelta(minutes=9)) == 1
    np.testing.assert_array_equal(actual(database, origin), truth("aqi", origin, history=corrected))


def test_live_and_replayed_forecasts_never_mix(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    live = [made(origin) for origin in ORIGINS]
    replayed = [made(origin, mode="replay") for origin in ORIGINS]
    issue(database, *live, *replayed)
    assert scored(database, mode="replay") == len(ORIGINS)
    with database.transaction() as connection:
        assert read_record(connection, span()) is None
    scored(database)
    for mode, forecasts in (("live", live), ("replay", replayed)):
        with database.transaction() as connection:
            record = read_record(connection, span(mode=mode))
        assert record is not None
        assert record.pooled.mae == pytest.approx(expected(forecasts, None)["mae"], rel=1e-5)


def test_a_forecast_is_kept_as_it_was_issued(database: Database) -> None:
    first = made(END)
    issue(database, first)
    with database.transaction() as connection:
        assert not insert_forecast(connection, replace(first, y=[1.0] * HORIZON))
        assert insert_forecast(connection, replace(first, mode="replay"))
        [(y,)] = run(connection, "SELECT y FROM forecast WHERE mode = 'live'")
    assert y == first.y


def test_only_the_last_days_are_looked_at_again(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    origin = END - 60 * HOUR
    issue(database, made(origin))
    later = END + timedelta(days=20)
    assert scored(database, later) == 0
    assert scored(database, later, reach_hours=LONG) == 1


def test_a_perfect_naive_forecast_leaves_no_skill(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    origin = END - 50 * HOUR
    issue(database, made(origin, mean24=np.nan_to_num(truth("aqi", origin)).tolist()))
    scored(database)
    with database.transaction() as connection:
        record = read_record(connection, span())
    assert record is not None
    assert (record.pooled.best_naive, record.pooled.skill) == ("mean24", None)


def test_forecasts_issued_before_there_was_one_of_the_naive_ones(database: Database) -> None:
    """Where some of the pairs are without it, the others are what there is to beat, also once days are rolled up."""
    put_hours(database, "Delhi", HISTORY)
    older = [made(origin, weekly=None) for origin in ORIGINS[:5]]
    newer = [
        made(origin, weekly=np.nan_to_num(truth("aqi", origin) + 1).tolist(), family="naive")
        for origin in ORIGINS[5:]
    ]
    issue(database, *older, *newer)
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO forecast_challenger SELECT city, target, mode, origin, 'open-meteo', daily FROM forecast",
        )
    for record, _ in both_ways(database, span()):
        assert record is not None
        assert list(record.pooled.naive_mae) == ["persistence", "daily", "mean24"]
        for lead_score in (record.pooled, *record.by_lead):
            wanted = expected([*older, *newer], lead_score.lead)
            assert (lead_score.best_naive, lead_score.skill) == (
                wanted["best_naive"],
                pytest.approx(wanted["skill"], rel=1e-5),
            )
        assert all("weekly" not in lead_score.naive_mae for lead_score in record.by_family["linear"])
        for lead_score in record.by_family["naive"]:
            assert lead_score.best_naive == "weekly"
            assert lead_score.naive_mae["weekly"] == pytest.approx(1)
        for lead_score in record.challengers["open-meteo"].values():
            assert lead_score.best_naive != "weekly"
    with database.transaction() as connection:
        recent = read_record(connection, span(family="naive"))
    assert recent is not None
    assert recent.pooled.best_naive == "weekly"
    assert recent.pooled.skill == pytest.approx(expected(newer, None)["skill"], rel=1e-5)
    assert {lead_score.best_naive for lead_score in recent.challengers["open-meteo"].values()} == {"weekly"}


def both_ways(database: Database, chosen: Span) -> list[tuple[Record | None, Any]]:
    """The record as it is computed, but for the oldest day, and again when all days are rolled up."""
    results, days = [], []
    for later in (timedelta(0), timedelta(days=9)):
        scored(database, END + later, reach_hours=LONG)
        with database.transaction() as connection:
            results.append((read_record(connection, chosen), reliability(connection, chosen)))
            days += run(connection, "SELECT count(*) FILTER (WHERE rolled), count(*) FROM forecast_day_state")
    assert days[0][0] < days[1][0] == days[1][1]
    return results


def assert_same(first: Any, other: Any) -> None:
    """The same record, but for the order in which floats were added up."""
    assert first.by_lead[0].sums.keys() == other.by_lead[0].sums.keys()
    for name in ("by_lead", "by_block", "by_family", "by_version", "by_season", "challengers"):
        a, b = flat(getattr(first, name)), flat(getattr(other, name))
        assert a.keys() == b.keys()
        for key, score_of in a.items():
            assert score_of.sums == pytest.approx(b[key].sums, rel=1e-9, nan_ok=True), (name, key)


def flat(values: Any) -> dict[Any, Any]:
    """Scores of a list or mapping, however deep, by where they are."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    whole = {}
    for key, value in items:
        if isinstance(value, dict | list):
            whole |= {(key, inner): score_of for inner, score_of in flat(value).items()}
        else:
            whole[key] = value
    return whole


def test_what_was_rolled_up_says_what_the_pairs_say(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    categories = np.random.default_rng(3).dirichlet(np.ones(6), HORIZON).tolist()
    forecasts = [
        made(origin, family="linear" if number % 2 else "naive", categories=categories)
        for number, origin in enumerate(ORIGINS)
    ]
    issue(database, *forecasts, *(made(origin, mode="replay") for origin in ORIGINS))
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO forecast_challenger "
            "SELECT city, target, mode, origin, 'open-meteo', persistence FROM forecast",
        )
    for chosen in (
        span(),
        span(start=ORIGINS[2], end=ORIGINS[8]),
        span(family="naive"),
        span(season="post-monsoon"),
    ):
        with database.transaction() as connection:
            run(connection, "DELETE FROM forecast_truth")
            run(connection, "DELETE FROM forecast_day_state")
        computed, rolled = both_ways(database, chosen)
        assert_same(computed[0], rolled[0])
        for stated, other in zip(computed[1], rolled[1], strict=True):
            assert (stated.event, stated.bin, stated.n, stated.happened) == (
                other.event,
                other.bin,
                other.n,
                other.happened,
            )
            assert stated.stated == pytest.approx(other.stated)


def test_truth_that_changes_after_a_day_was_rolled_up_counts(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    forecasts = [made(origin) for origin in ORIGINS]
    issue(database, *forecasts)
    late = END + timedelta(days=9)
    scored(database, late, reach_hours=LONG)
    corrected = HISTORY.copy()
    corrected[-60:, INPUTS.index("aqi")] = 77
    put_hours(database, "Delhi", corrected)
    with database.transaction() as connection:
        run(connection, "UPDATE forecast_truth SET scored = 1")  # so that it is looked at again
    for _ in range(2):
        with database.transaction() as connection:
            score(connection, mode="live", now=late, reach_hours=LONG)
            record = read_record(connection, span())
        real = np.concatenate([truth("aqi", forecast.origin, late, corrected) for forecast in forecasts])
        y = np.concatenate([forecast.y for forecast in forecasts])
        assert record is not None
        assert record.pooled.mae == pytest.approx(np.nanmean(np.abs(y - real)), rel=1e-6)
    with database.transaction() as connection:
        run(connection, "DELETE FROM forecast")
        assert read_record(connection, span()) is None


def test_no_issued_forecast_can_be_changed(database: Database) -> None:
    issue(database, made(END))
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO forecast_challenger SELECT city, target, mode, origin, 'open-meteo', daily FROM forecast",
        )
        before = run(
            connection,
            "SELECT to_jsonb(forecast), to_jsonb(forecast_challenger) FROM forecast, forecast_challenger",
        )
    for change in (
        "UPDATE forecast SET y = lo80",
        "UPDATE forecast SET issued_at = issued_at - interval '1 hour'",
        "UPDATE forecast SET model_version = NULL",
        "UPDATE forecast_challenger SET y = '{1}'",
    ):
        with (
            pytest.raises(DBAPIError, match="kept as it was issued"),
            database.transaction() as connection,
        ):
            run(connection, change)
    with database.transaction() as connection:
        after = run(
            connection,
            "SELECT to_jsonb(forecast), to_jsonb(forecast_challenger) FROM forecast, forecast_challenger",
        )
    assert after == before


def test_challengers_are_scored_on_the_pairs_that_both_have(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    forecasts = [made(origin) for origin in ORIGINS]
    issue(database, *forecasts)
    random = np.random.default_rng(8)
    theirs = {}
    with database.transaction() as connection:
        for forecast in forecasts[:6]:
            y = random.integers(20, 400, HORIZON) / 2
            theirs[forecast.origin] = np.where(random.random(HORIZON) < 0.3, np.nan, y)
            values = [None if np.isnan(value) else float(value) for value in theirs[forecast.origin]]
            run(
                connection,
                "INSERT INTO forecast_challenger VALUES ('Delhi', 'aqi', 'live', :origin, 'openweather', :y)",
                origin=forecast.origin,
                y=values,
            )
    scored(database)
    with database.transaction() as connection:
        record = read_record(connection, span())
    assert record is not None
    assert list(record.challengers) == ["openweather"]
    assert record.pooled.n > sum(lead_score.n for lead_score in record.challengers["openweather"].values())
    for (first, last), score_of in record.challengers["openweather"].items():
        part = np.s_[first - 1 : last]
        real = np.concatenate([truth("aqi", forecast.origin)[part] for forecast in forecasts[:6]])
        challenger = np.concatenate([theirs[forecast.origin][part] for forecast in forecasts[:6]])
        ours, *naive = (
            np.concatenate([np.array(getattr(forecast, name))[part] for forecast in forecasts[:6]])
            for name in ("y", *NAIVE)
        )
        pairs = np.isfinite(real) & np.isfinite(challenger)
        assert score_of.n == pairs.sum()
        mae = {name: np.abs(values - real)[pairs].mean() for name, values in
               {"challenger": challenger, "ours": ours, **dict(zip(NAIVE, naive, strict=True))}.items()}  # fmt: skip
        assert (score_of.mae, score_of.our_mae) == pytest.approx((mae["challenger"], mae["ours"]))
        assert score_of.skill == pytest.approx(1 - mae["challenger"] / min(mae[name] for name in NAIVE))


def test_warnings_of_bad_air_are_counted(database: Database) -> None:
    history = HISTORY.copy()
    index = INPUTS.index("aqi")
    history[:, index] = np.round(np.nan_to_num(history[:, index], nan=150) * 1.6)
    put_hours(database, "Delhi", history)
    forecasts = [made(origin, y=(np.array(made(origin).y) * 2.2).tolist()) for origin in ORIGINS]
    issue(database, *forecasts)
    scored(database)
    with database.transaction() as connection:
        record = read_record(connection, span())
    assert record is not None
    real = np.stack([truth("aqi", forecast.origin, history=history) for forecast in forecasts])
    for name, persistence in (("y", False), ("persistence", True)):
        predicted = np.stack([np.array(getattr(forecast, name), dtype=np.float32) for forecast in forecasts])
        for (first, last), score_of in record.by_block.items():
            for aqi in EXCEEDED:
                part, known = np.s_[:, first - 1 : last], np.isfinite(real)
                seen = (real > aqi)[part]
                warned = (np.floor(predicted + 0.5) > aqi)[part] & known[part]
                counts = score_of.warnings(aqi, persistence=persistence)
                hits, misses, false = (seen & warned).sum(), (seen & ~warned).sum(), (~seen & warned).sum()
                assert (counts.hits, counts.misses, counts.false_alarms) == (hits, misses, false)
                assert counts.pod == (hits / (hits + misses) if hits + misses else None)
                assert counts.far == (false / (hits + false) if hits + false else None)
                assert counts.csi == (hits / (hits + misses + false) if hits + misses + false else None)
    assert record.by_block[25, 48].warnings(200).hits > 0


def test_stated_probabilities_are_held_against_what_happened(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    random = np.random.default_rng(5)
    forecasts = [
        made(origin, categories=random.dirichlet(np.ones(6) / 2, HORIZON).astype(np.float32).tolist())
        for origin in ORIGINS
    ]
    issue(database, *forecasts, *(made(origin, target="pm25") for origin in ORIGINS))
    scored(database)
    with database.transaction() as connection:
        by_tenth = {(tenth.event, tenth.bin): tenth for tenth in reliability(connection, span())}
        assert reliability(connection, span(target="pm25")) == []
    pairs: dict[tuple[str, int], list[tuple[float, bool]]] = {}
    bands = [band.name for band in CATEGORIES["in-naqi"]]
    for forecast in forecasts:
        for y, real, chances in zip(
            forecast.y, truth("aqi", forecast.origin), forecast.categories, strict=True
        ):
            if np.isnan(real):
                continue
            place, came = (bands.index(category(half_up(value))) for value in (y, real))
            claims = {"category": (chances[place], place == came)}
            claims |= {str(aqi): (sum(chances[3 + at :]), real > aqi) for at, aqi in enumerate(EXCEEDED)}
            for event, (stated, happened) in claims.items():
                pairs.setdefault((event, min(int(stated * 10), 9)), []).append((stated, happened))
    assert by_tenth.keys() == pairs.keys()
    for key, outcomes in pairs.items():
        assert by_tenth[key].n == len(outcomes)
        assert (by_tenth[key].stated, by_tenth[key].happened) == pytest.approx(
            tuple(np.mean(outcomes, axis=0)), rel=1e-6
        )


def test_a_stated_probability_is_in_the_tenth_that_it_begins(database: Database) -> None:
    """Probabilities are kept in single precision, which has 0.7 as 0.69999998."""
    with database.transaction() as connection:
        tenths = run(
            connection,
            f"SELECT {TENTH} FROM (SELECT CAST(CAST(at / 10.0 AS real) AS float8) AS stated "  # noqa: S608
            "FROM generate_series(0, 10) AS at) AS claims ORDER BY stated",
        )
    assert [tenth for (tenth,) in tenths] == [*range(10), 9]
