"""Exports on request: what is asked for, how it stands, and where its files are."""

from typing import Annotated

from pydantic import AwareDatetime, Field, PlainValidator, WithJsonSchema

from common.api.schemas import ABSENT, ApiModel, Body, Instant, Parameters, example
from common.api.schemas.archive import ArchivedFilePath
from common.api.schemas.models import State
from common.domain.errors import Fault, NotFound
from common.domain.exports import FOLDER, ExportFormat, ExportTable

_ORDER = {
    "tables": ["observations"],
    "cities": ["Delhi", "Mumbai"],
    "start": "2025-01-01T00:00:00Z",
    "end": "2025-04-01T00:00:00Z",
    "format": "csv",
}


def _export_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= 18:
        fault = Fault("parameter", "id", text[:40], "the number of an export, as POST /exports gave it")
        raise NotFound(f"there is no export {text[:40]!r}", faults=(fault,))
    return int(text)


ExportNumber = Annotated[
    int,
    PlainValidator(_export_number),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10**18 - 1}),
    Field(description="Number of the export, as POST /exports gave it", json_schema_extra={"example": 42}),
]


class ExportBody(Body):
    """What to export."""

    model_config = example(_ORDER)

    tables: Annotated[
        list[ExportTable], Field(min_length=1, max_length=3, description="Tables of the archive")
    ]
    cities: list[str] = Field(
        ABSENT, min_length=1, max_length=56, description="Names or aliases; all by itself"
    )
    start: Annotated[AwareDatetime, Field(description="From this time on; at most 366 days before end")]
    end: AwareDatetime = Field(ABSENT, description="Before this time; by itself, and at the latest: now")
    format: Annotated[ExportFormat, Field(description="Of the files")] = "parquet"


class ExportPath(Parameters):
    """Part of an address: an export."""

    id: ExportNumber


class ExportedFilePath(ArchivedFilePath):
    """Address of a file of an export, as the export names it."""

    id: ExportNumber

    @property
    def key(self) -> str:
        """In the object store."""
        return f"{FOLDER}/{self.id}/{super().key}"


class ExportedFile(ApiModel):
    """A file, of one table, city and year (UTC)."""

    table: str
    city: str
    year: int
    rows: int
    bytes: int
    sha256: str
    url: Annotated[str, Field(description="Whence to get it, whole or by pieces")]


class Export(ApiModel):
    """An export that was asked for, how it stands, and its files once it is done."""

    model_config = example(
        {
            "id": 42,
            "state": "done",
            **_ORDER,
            "attempts": 1,
            "created_at": "2025-11-05T10:42:00Z",
            "finished_at": "2025-11-05T10:42:09Z",
            "expires_at": "2025-11-12T10:42:09Z",
            "retry_at": None,
            "error": None,
            "rows": 4318,
            "bytes": 1834211,
            "files": [
                {
                    "table": "observations",
                    "city": "Delhi",
                    "year": 2025,
                    "rows": 2159,
                    "bytes": 918042,
                    "sha256": "3f9a0c21bb07" + "0" * 52,
                    "url": "/api/v1/exports/42/observations/city=Delhi/year=2025/part-3f9a0c21bb07.csv",
                }
            ],
        }
    )

    id: Annotated[int, Field(ge=1)]
    state: State
    tables: list[ExportTable]
    cities: list[str]
    start: Instant
    end: Instant
    format: ExportFormat
    attempts: Annotated[int, Field(ge=0, description="Attempts begun")]
    created_at: Instant
    finished_at: Instant | None
    expires_at: Annotated[Instant | None, Field(description="When its files are deleted; null until done")]
    retry_at: Annotated[Instant | None, Field(description="Earliest next attempt, where that is known")]
    error: Annotated[str | None, Field(description="What went wrong at the last attempt that failed")]
    rows: Annotated[int | None, Field(description="Null until done, as below")]
    bytes: int | None
    files: list[ExportedFile] | None
