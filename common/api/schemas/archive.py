"""Addresses of the archive's files. What the files are: docs/open-data.md."""

import re
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from common.api.schemas import Parameters
from common.domain.errors import Fault, NotFound

_PATTERNS = {
    "table": "^(observations|models|forecasts|scores)$",
    "city_folder": "^city=[A-Za-z]+([ -][A-Za-z]+)*$",
    "year_folder": "^year=[0-9]{4}$",
    "file": "^part-[0-9a-f]{12}\\.(parquet|csv|xlsx)$",
}
"""Nothing else is looked for: a path cannot leave the archive, or name what no export wrote."""


def _reader(name: str) -> PlainValidator:
    def read(text: str) -> str:
        if re.fullmatch(_PATTERNS[name], text) is None:
            fault = Fault("parameter", name, text[:80], f"what matches {_PATTERNS[name]}")
            raise NotFound("the archive has no such file; archive/manifest.json lists them", faults=(fault,))
        return text

    return PlainValidator(read)


def _schema(name: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": _PATTERNS[name], "example": example})


class ArchivedFilePath(Parameters):
    """Address of a file, as the manifest names it."""

    table: Annotated[
        str,
        _reader("table"),
        _schema("table", "observations"),
        Field(description="Table of the archive"),
    ]
    city_folder: Annotated[
        str,
        _reader("city_folder"),
        _schema("city_folder", "city=Delhi"),
        Field(description="Folder of a city"),
    ]
    year_folder: Annotated[
        str,
        _reader("year_folder"),
        _schema("year_folder", "year=2025"),
        Field(description="Folder of a year, in UTC"),
    ]
    file: Annotated[
        str,
        _reader("file"),
        _schema("file", "part-3f9a0c21bb07.parquet"),
        Field(description="Name of the file, which no other content ever has"),
    ]

    @property
    def key(self) -> str:
        """In the object store."""
        return f"{self.table}/{self.city_folder}/{self.year_folder}/{self.file}"
