"""What a database is: real or simulated, never both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from common.domain.errors import ConfigError
from common.store.engine import run
from common.store.facts import fact
from common.store.schema import city_hour, forecast, meta, model

if TYPE_CHECKING:
    from common.store.engine import Connection, Database


Dataset = Literal["real", "simulated"]


def claim_dataset(connection: Connection, kind: Dataset) -> None:
    """Say which kind of data this database holds, before the first is written.

    Raises:
        ConfigError: when it holds the other kind already.
    """
    run(connection, insert(meta).values(key="dataset", value=kind).on_conflict_do_nothing())
    refuse_other_dataset(connection, kind)


def refuse_other_dataset(connection: Connection, kind: Dataset) -> None:
    """Let nobody go on who is about to put data of one kind into a database of the other.

    Raises:
        ConfigError: when it holds the other kind.
    """
    present = dataset(connection)
    if present not in (None, kind):
        raise ConfigError(
            f"this database holds {present} data and must not be mixed with {kind} ones; "
            "set DATABASE_URL to another database"
        )


def dataset(connection: Connection) -> Dataset | None:
    """``real``, ``simulated``, or None before anything was written."""
    return cast("Dataset | None", fact(connection, "dataset"))


def totals(connection: Connection) -> dict[str, int]:
    """How much is kept, by what it is."""
    numbers = (
        select(func.count()).select_from(city_hour),
        select(func.count(city_hour.c.city.distinct())),
        select(func.count()).select_from(forecast),
        select(func.count()).select_from(model),
    )
    [(hours, cities, forecasts, models)] = run(
        connection, select(*(number.scalar_subquery() for number in numbers))
    )
    return {"city_hours": hours, "cities": cities, "forecasts": forecasts, "models": models}


def check_reachable(database: Database) -> None:
    """Return when the database answers.

    Raises:
        StoreError: when it does not.
    """
    with database.transaction() as connection:
        run(connection, select(1))
