"""What each live forecast was computed from: the model's input matrix, and the recipe by which its output is combined.

Both are kept in the database and not in the object store: they are stored or not together with the forecast, in one
transaction, and the API needs no other store to give them away. They are compressed here, at zlib's fastest level:
level 6 takes three times as long and saves 4 %.
"""

from __future__ import annotations

import hashlib
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec
from sqlalchemy import select

from common.domain.model_retention import KEPT_AFTER_USE
from common.store.engine import run
from common.store.schema import forecast, forecast_inputs, model

if TYPE_CHECKING:
    from common.domain.forecast import Mode
    from common.store.engine import Connection

INPUTS_KEPT = KEPT_AFTER_USE
"""As long as the model's file is kept for certain: one without the other reproduces nothing."""

StoredPart = Literal["matrix", "recipe"]
STORED_PARTS: tuple[StoredPart, ...] = ("matrix", "recipe")

_INSERT = """
WITH outdated AS (
  DELETE FROM forecast_inputs
  WHERE city = :city AND target = :target AND mode = :mode AND origin < CAST(:oldest AS timestamptz)
)
INSERT INTO forecast_inputs VALUES (
  :city, :target, :mode, :origin, :matrix, :matrix_sha256, :matrix_bytes, :recipe, :recipe_sha256, :recipe_bytes,
  :model_bytes
) ON CONFLICT DO NOTHING
"""


class ForecastInputs(msgspec.Struct, frozen=True):
    """The parts of one forecast, as they are published."""

    matrix: bytes
    recipe: bytes
    model_bytes: int
    """Size of the model's file"""


class IssuedParts(msgspec.Struct, frozen=True):
    """One issued forecast, and the hashes and sizes of what it was computed from."""

    issued_at: datetime
    origin: datetime
    known_until: datetime
    model_version: str | None
    model_sha256: str | None
    """None where there is no such model any more"""
    model_pruned: bool
    """Whether its file was given up"""
    y: list[float]
    lo80: list[float]
    hi80: list[float]
    lo95: list[float]
    hi95: list[float]
    matrix_sha256: str | None
    """This and what follows: None where the inputs are not kept any more"""
    matrix_bytes: int | None
    recipe_sha256: str | None
    recipe_bytes: int | None
    model_bytes: int | None


def insert_inputs(
    connection: Connection, city: str, target: str, mode: Mode, *, origin: datetime, inputs: ForecastInputs
) -> None:
    """Store what a forecast was computed from, which must be stored before, and drop what is older than `INPUTS_KEPT`
    of the same series: so the table does not grow between two runs of maintenance."""
    run(
        connection,
        _INSERT,
        city=city,
        target=target,
        mode=mode,
        origin=origin,
        oldest=origin - INPUTS_KEPT,
        matrix=zlib.compress(inputs.matrix, 1),
        matrix_sha256=hashlib.sha256(inputs.matrix).hexdigest(),
        matrix_bytes=len(inputs.matrix),
        recipe=zlib.compress(inputs.recipe, 1),
        recipe_sha256=hashlib.sha256(inputs.recipe).hexdigest(),
        recipe_bytes=len(inputs.recipe),
        model_bytes=inputs.model_bytes,
    )


_KEY = ("city", "target", "mode", "origin")
_OF_FORECAST = ("issued_at", "origin", "known_until", "model_version")
_VALUES = ("y", "lo80", "hi80", "lo95", "hi95")
_OF_INPUTS = ("matrix_sha256", "matrix_bytes", "recipe_sha256", "recipe_bytes", "model_bytes")


def issued_parts(connection: Connection, city: str, target: str, before: datetime) -> IssuedParts | None:
    """The newest live forecast issued before a time, with its parts; None where there was none."""
    f, i = forecast.c, forecast_inputs.c
    columns = [
        *(f[name] for name in _OF_FORECAST),
        model.c.checksum,
        model.c.pruned_at.is_not(None),
        *(f[name] for name in _VALUES),
        *(i[name] for name in _OF_INPUTS),
    ]
    same = [f[name] == i[name] for name in _KEY]
    newest = (
        select(*columns)
        .select_from(
            forecast.outerjoin(forecast_inputs, same[0] & same[1] & same[2] & same[3]).outerjoin(
                model, model.c.version == f.model_version
            )
        )
        .where(f.city == city, f.target == target, f.mode == "live", f.issued_at < before)
        .order_by(f.origin.desc())
        .limit(1)
    )
    rows = run(connection, newest)
    return IssuedParts(*rows[0]) if rows else None


def stored_part(
    connection: Connection, city: str, target: str, origin: datetime, part: StoredPart
) -> bytes | None:
    """A part of the inputs of a live forecast, uncompressed; None where it is not kept any more."""
    i = forecast_inputs.c
    rows = run(
        connection,
        select(i[part]).where(i.city == city, i.target == target, i.mode == "live", i.origin == origin),
    )
    return zlib.decompress(rows[0][0]) if rows else None
