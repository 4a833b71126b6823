"""Which hours meet the objective of the service, and whose fault the others are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.domain.slo import WITHIN, Attempt, CollectedHour, Fulfilment, fulfilments

START = datetime(2025, 11, 5, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT = timedelta(seconds=1)
FIRST = START + HOUR
OTHERS_LATER = [CollectedHour("cpcb", FIRST + back * HOUR, 10, 10) for back in (1, 2)]


def of_first_hour(in_time: int, *attempts: Attempt) -> Fulfilment:
    """How the source did with the first of three hours; the others were met."""
    hours = [CollectedHour("cpcb", FIRST, 10, in_time), *OTHERS_LATER]
    due = FIRST + 2 * HOUR
    done = fulfilments(hours, attempts, {"cpcb": START - HOUR}, start=START, due=due)["cpcb"]
    assert (done.expected, done.met + done.by_source + done.by_us) == (3, 3)
    return done


@pytest.mark.parametrize(("in_time", "met"), [(10, 3), (5, 3), (4, 2), (0, 2)])
def test_half_of_the_usual_cities_are_enough(in_time: int, met: int) -> None:
    assert of_first_hour(in_time).met == met


@pytest.mark.parametrize(
    ("attempt", "by_source"),
    [
        (Attempt("cpcb", FIRST + MOMENT, None, None), True),
        (Attempt("cpcb", FIRST + WITHIN, None, None), True),
        (Attempt("cpcb", FIRST + WITHIN + MOMENT, None, None), False),
        (Attempt("cpcb", FIRST, None, None), False),
        (Attempt("cpcb", FIRST + MOMENT, None, "server_error"), True),
        (Attempt("cpcb", FIRST + MOMENT, None, "key"), False),
        (Attempt("cpcb", FIRST, FIRST + WITHIN, "server_error"), True),
        (Attempt("cpcb", FIRST, FIRST + WITHIN - MOMENT, "server_error"), False),
        (Attempt("cpcb", FIRST, FIRST + WITHIN, "spent"), False),
        (Attempt("openaq", FIRST + MOMENT, None, None), False),
    ],
)
def test_whose_fault_it_is(attempt: Attempt, by_source: bool) -> None:
    done = of_first_hour(0, attempt)
    assert (done.by_source, done.by_us) == (int(by_source), int(not by_source))


@pytest.mark.parametrize(
    ("others", "by_source"),
    [((), 1), (("dns",), 0), (("dns", "timeout"), 0), (("dns", None), 1), (("dns", "server_error"), 1)],
)
def test_where_every_source_fails_by_the_network_it_is_ours(
    others: tuple[str | None, ...], by_source: int
) -> None:
    at = FIRST + MOMENT
    run = [Attempt("cpcb", at, None, "timeout")]
    run += [Attempt(f"other {number}", at, None, reason) for number, reason in enumerate(others)]
    assert of_first_hour(0, *run).by_source == by_source


def test_hours_count_after_the_source_was_first_asked() -> None:
    since = {"early": START - HOUR, "now": FIRST, "late": FIRST + 5 * HOUR}
    done = fulfilments([], [], since, start=START, due=FIRST + HOUR)
    assert {source: result.expected for source, result in done.items()} == {"early": 2, "now": 1}
