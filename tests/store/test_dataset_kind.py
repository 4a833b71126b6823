"""What a database says of itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, get_args

import pytest
from factories import air, keep_and_reconcile, series

from common.domain.errors import ConfigError
from common.store.dataset_kind import Dataset, claim_dataset, dataset, refuse_other_dataset, totals

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Database


@pytest.mark.parametrize("kind", get_args(Dataset))
def test_a_claim_holds(database: Database, kind: Dataset) -> None:
    [other] = set(get_args(Dataset)) - {kind}
    with database.transaction() as connection:
        assert dataset(connection) is None
        refuse_other_dataset(connection, other)
        claim_dataset(connection, kind)
        claim_dataset(connection, kind)
        assert dataset(connection) == kind
    for claim in (claim_dataset, refuse_other_dataset):
        with (
            pytest.raises(ConfigError, match=f"holds {kind} data .* mixed with {other}"),
            database.transaction() as connection,
        ):
            claim(connection, other)
    with database.transaction() as connection:
        assert dataset(connection) == kind


def test_of_two_claims_at_once_one_wins(database: Database) -> None:
    claimed: list[Dataset] = []
    refused: list[ConfigError] = []
    ready = threading.Barrier(2)

    def work(kind: Dataset) -> None:
        try:
            with database.transaction() as connection:
                ready.wait(10)
                claim_dataset(connection, kind)
                claimed.append(kind)
        except ConfigError as error:
            refused.append(error)

    threads = [threading.Thread(target=work, args=(kind,)) for kind in get_args(Dataset)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(refused) == 1
    with database.transaction() as connection:
        assert dataset(connection) == claimed[0]


def test_totals(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, series(now, 3, air(60)) + series(now, 2, air(60), city="Pune"), now)
    with database.transaction() as connection:
        assert totals(connection) == {"city_hours": 5, "cities": 2, "forecasts": 0, "models": 0}
