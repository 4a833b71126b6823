"""Which account of an hour is better."""

from __future__ import annotations

from itertools import pairwise

from common.domain.hour_quality import HourQuality, hour_quality, may_replace
from common.quality.explanation import RANKING


def account(
    basis: str | None, stations: int, *, index: bool = True, concentrations: bool = True
) -> HourQuality:
    return hour_quality(has_index=index, basis=basis, has_concentrations=concentrations, stations=stations)


FROM_GOOD_TO_POOR = (
    account("measured", 3),
    account("measured", 1),
    account("measured", 9, concentrations=False),
    account("implied", 9),
    account("modelled", 1),
    account(None, 1),
    account("measured", 9, index=False),
    account("modelled", 9, index=False),
)


def test_an_index_then_the_basis_then_concentrations_then_stations() -> None:
    assert sorted(set(FROM_GOOD_TO_POOR)) == list(FROM_GOOD_TO_POOR)
    assert len(HourQuality._fields) == len(RANKING) - 1  # the name of the source decides between equals


def test_a_poorer_account_takes_no_place() -> None:
    for better, poorer in pairwise(FROM_GOOD_TO_POOR):
        assert may_replace(better, better)
        assert may_replace(better, poorer)
        assert not may_replace(poorer, better)
