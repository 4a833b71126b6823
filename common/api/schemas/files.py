"""The formats that lists are served in."""

from typing import Annotated, Any, Literal

from pydantic import Field

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Format = Literal["json", "csv", "parquet", "xlsx"]
FormatName = Annotated[
    Format,
    Field(
        description="Goes before the Accept header. A server without the library of parquet or xlsx answers with 406"
    ),
]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES_TOO: dict[str, Any] = {CSV: {"schema": {"type": "string"}}, PARQUET: _BINARY, XLSX: _BINARY}
"""What a list is served as besides JSON."""
