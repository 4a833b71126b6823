"""Hindcasts stored with a model: what its trial model, which had not seen them, would have issued for the last weeks of
training. Experts and intervals begin with them, until enough has been issued."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from common.domain.errors import ModelError
from common.inference.experts import Record

if TYPE_CHECKING:
    from datetime import datetime


def as_file(record: Record, last: datetime, place: int) -> bytes:
    """A record as a file; `last`: the hour that has the `place` by which the record counts."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        last=np.array(int(last.timestamp()) // 3600),
        before=(place - record.origins).astype(np.int32),
        names=np.array(record.names),
        experts=record.experts.astype(np.float32),
        served=record.served.astype(np.float32),
    )
    return file.getvalue()


def from_file(data: bytes, last: datetime, place: int) -> Record:
    """The record again, counted so that the hour `last` has that `place`.

    Raises:
        ModelError: when the file is damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            moved = int(last.timestamp()) // 3600 - int(file["last"])
            return Record(
                tuple(file["names"].tolist()),
                place - moved - file["before"].astype(np.intp),
                file["experts"].astype(np.float64),
                file["served"].astype(np.float64),
            )
    except Exception as error:  # zipfile, zlib and numpy each have their own for each byte that is wrong
        raise ModelError("the hindcasts of the model cannot be read; train the city again") from error
