"""What a forecast was computed from, and how to compute it again."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from common.api.schemas import ABSENT, ApiModel, CityPath, Instant, Mark, Parameters, example
from common.domain.errors import Fault, NotFound
from common.domain.forecast import Target
from common.store.forecast_inputs import STORED_PARTS, StoredPart

_HEX = "^[0-9a-f]{64}$"
Hex = Annotated[str, Field(pattern=_HEX, description="SHA-256 in hexadecimal")]

_SHA = "2fde85337d29b1d8de9d7c99d03e53a2560b7ee126ecdbff5655da85bab09a04"
_URL = "/api/v1/forecast/delhi/reproduce"
_QUERY = "issued=2025-11-05T10:42:00Z&target=aqi"


def _part(text: str) -> str:
    if text not in STORED_PARTS:
        fault = Fault("parameter", "part", text[:40], f"one of {', '.join(STORED_PARTS)}")
        raise NotFound(f"a forecast has no part {text[:40]!r}", faults=(fault,))
    return text


def _sha256(text: str) -> str:
    if re.fullmatch(_HEX, text) is None:
        fault = Fault("parameter", "sha256", text[:80], "64 hexadecimal digits")
        raise NotFound("there is no such model file", faults=(fault,))
    return text


class ReproduceQuery(Parameters):
    """Which forecast."""

    issued: Annotated[
        datetime | None,
        Field(description="The newest forecast issued by then, to the second; by itself: the newest of all"),
    ] = None
    target: Annotated[Target, Field(description="Indian AQI, or PM2.5 alone")] = "aqi"


class PartPath(CityPath):
    """Part of an address: a part of what a forecast was computed from."""

    part: Annotated[
        StoredPart,
        PlainValidator(_part),
        WithJsonSchema({"type": "string", "enum": list(STORED_PARTS)}),
        Field(description="The input matrix, or the recipe"),
    ]


class FilePath(Parameters):
    """Part of an address: a file by its hash."""

    sha256: Annotated[
        str,
        PlainValidator(_sha256),
        WithJsonSchema({"type": "string", "pattern": _HEX}),
        Field(description="SHA-256 of the file, in hexadecimal"),
    ]


class Part(ApiModel):
    """One file that is needed to compute a forecast again; its address never means another content."""

    name: Literal["model", "matrix", "recipe"]
    url: Annotated[str, Field(description="Where it is, beginning with the path of this API")]
    sha256: Hex
    bytes: int
    media_type: str
    shape: Annotated[list[int], Field(description="Rows and columns of the matrix")] = ABSENT
    dtype: Annotated[str, Field(description="float32, little-endian, row by row: numpy's name of it")] = (
        ABSENT
    )


class IssuedValues(ApiModel):
    """What was issued, in the target's unit, for 1 to 48 hours after the origin."""

    values: list[float]
    lower_80: list[float]
    upper_80: list[float]
    lower_95: list[float]
    upper_95: list[float]


class Reproduce(ApiModel):
    """An issued forecast, and all that is needed to compute it again."""

    model_config = example(
        {
            "city": "Delhi",
            "target": "aqi",
            "issued_at": "2025-11-05T10:42:00Z",
            "origin": "2025-11-05T10:30:00Z",
            "known_until": "2025-11-05T10:30:00Z",
            "model": "delhi-aqi-blend-20251105T0230Z-2fde8533",
            "simulated": False,
            "parts": [
                {
                    "name": "model",
                    "url": f"/api/v1/models/files/{_SHA}",
                    "sha256": _SHA,
                    "bytes": 118204,
                    "media_type": "application/octet-stream",
                },
                {
                    "name": "matrix",
                    "url": f"{_URL}/matrix?{_QUERY}",
                    "sha256": _SHA,
                    "bytes": 24576,
                    "media_type": "application/octet-stream",
                    "shape": [48, 128],
                    "dtype": "<f4",
                },
                {
                    "name": "recipe",
                    "url": f"{_URL}/recipe?{_QUERY}",
                    "sha256": _SHA,
                    "bytes": 16210,
                    "media_type": "application/json",
                },
            ],
            "rule": ["Run the model on the matrix: …"],
            "tolerance": 1e-6,
            "issued": {
                "values": [190.0],
                "lower_80": [176.0],
                "upper_80": [204.0],
                "lower_95": [165.0],
                "upper_95": [219.0],
            },
        }
    )

    city: str
    target: Target
    issued_at: Instant
    origin: Annotated[Instant, Field(description="Lead times count from here")]
    known_until: Instant
    model: Annotated[str, Field(description="Version of the model")]
    simulated: Mark
    parts: list[Part]
    rule: Annotated[list[str], Field(description="What to do with the parts, step by step")]
    tolerance: Annotated[
        float,
        Field(description="How far apart the recipe's forecast and one computed again may be, relatively"),
    ]
    issued: IssuedValues


RULE: tuple[str, ...] = (
    (
        "Run the model (ONNX) on the matrix, its input X. recipe.outputs names the output of each expert "
        "that it computes, which is bounded by 0 and recipe.ceiling."
    ),
    ("recipe.given has the forecasts of the experts that are no models, null where they say nothing."),
    (
        "The expert mean is exp(m) - floor, m being the mean of log(value + floor) over the experts "
        "recipe.averaged; mean_corrected is exp(m + recipe.correction) - floor, and not below 0."
    ),
    (
        "The forecast of an hour is exp(Σ w · log(value + floor)) - floor over recipe.experts, with the "
        "weights of the block of lead times that it lies in (recipe.blocks, recipe.weights), divided by "
        "their sum over the experts that have a value; where that sum is 0, it is the mean. Bounded by 0 "
        "and recipe.ceiling, it is recipe.y."
    ),
    (
        "Where recipe.whole is true it is rounded to a whole number, halves to even. That is what was "
        "issued, to one decimal."
    ),
    (
        "The bounds of the intervals are (forecast + floor) · exp(q) - floor, bounded by 0 and "
        "recipe.ceiling, q being recipe.quantiles at the levels 0.1 and 0.9 (80 %), 0.025 and 0.975 (95 %);"
        " the forecast itself where it lies outside. They were issued to one decimal."
    ),
)
"""What to do with the parts, step by step."""
