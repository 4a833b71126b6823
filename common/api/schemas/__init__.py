"""Parameters, bodies and answers as pydantic models: what they are called, allow and look like.

Inputs are read by these models. Answers are made as plain dicts and written at once; the tests hold every one of them
against its model.
"""

from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from common.domain.aqi import Standard
from common.domain.cities import LONGEST, City, find_city

ABSENT: Any = None
"""Default of a field that is left out where there is nothing to say; it is never null."""


class _Schema(GenerateJsonSchema):
    """Without what says nothing: titles that repeat the name, defaults that are only the absence of a value."""

    def field_title_should_be_set(self, _: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default", ABSENT) is ABSENT:
            described.pop("default", None)
        return described


class _ParameterSchema(_Schema):
    """A parameter is there or not; it cannot be null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class ApiModel(BaseModel):
    """Part of an answer. Its validator is built when it is first used: a function that only answers needs none."""

    model_config = ConfigDict(defer_build=True)
    generator: ClassVar[type[GenerateJsonSchema]] = _Schema

    @classmethod
    def model_json_schema(cls, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """As pydantic makes it, with our generator."""
        return super().model_json_schema(**{"schema_generator": cls.generator, **options})

    @classmethod
    def answer(cls, **fields: Any) -> dict[str, Any]:
        """The fields in the order of the model, by their aliases; those that may be absent are left out where None.

        The values are not looked at, which would take longer than to make them: tests hold answers against the models.

        Raises:
            TypeError: for a field that the model does not have.
        """
        if not fields.keys() <= cls.model_fields.keys():
            raise TypeError(f"{cls.__name__} has no {', '.join(fields.keys() - cls.model_fields.keys())}")
        return {
            alias: fields[name]
            for name, alias, required in _declared(cls)
            if name in fields and (required or fields[name] is not None)
        }


@cache
def _declared(model: type[ApiModel]) -> tuple[tuple[str, str, bool], ...]:
    """Of each field its name, its alias, and whether it is always there."""
    return tuple(
        (name, field.alias or name, field.is_required()) for name, field in model.model_fields.items()
    )


class Parameters(ApiModel):
    """Query parameters, headers, or parts of an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    generator: ClassVar[type[GenerateJsonSchema]] = _ParameterSchema


class Body(ApiModel):
    """What a client sends as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)


StandardName = Annotated[Standard, Field(description="Indian NAQI (CPCB 2014) or US EPA AQI (2024)")]
Mark = Annotated[bool, Field(description="Whether the data are simulated rather than measured or modelled")]
BasisName = Annotated[
    str | None,
    Field(
        description="measured by instruments, implied (an index turned back into a concentration) or modelled"
    ),
]
Flags = Annotated[
    list[str],
    Field(
        description="What is doubtful in the hour, such as spike:pm10, stuck:co, outlier:no2, pm25>pm10, gap, stopped; "
        "excluded:pm10 where a doubtful value is not counted. Empty where nothing is"
    ),
]
Instant = AwareDatetime
"""A time in UTC, to the second."""
HourEnd = Annotated[AwareDatetime, Field(description="End of the hour, UTC")]
Stale = Annotated[bool, Field(description="Older than 2 hours")]


class CityPath(Parameters):
    """Part of an address: a city."""

    city: Annotated[
        City,
        PlainValidator(find_city),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[^/]+$"}),
        Field(description="Name or alias of a city", json_schema_extra={"example": "Delhi"}),
    ]


class StandardQuery(Parameters):
    """The index to answer with."""

    standard: StandardName = "in-naqi"


class Concentrations(ApiModel):
    """Hourly mean concentrations; one that is not known is absent. CO in mg/m³, all others in µg/m³."""

    pm25: float = ABSENT
    pm10: float = ABSENT
    no2: float = ABSENT
    so2: float = ABSENT
    nh3: float = ABSENT
    co: float = ABSENT
    o3: float = ABSENT


class Index(ApiModel):
    """An index of a city at one hour."""

    aqi: int | None
    category: str | None
    dominant_pollutant: str | None
    timestamp: HourEnd
    age_minutes: int
    stale: Stale
    source: str | None
    basis: BasisName


class CityError(ApiModel):
    """A city that could not be served."""

    city: str
    status: int = Field(description="As if it had been asked for alone")
    detail: str
    nearest: list[str] = Field(ABSENT, description="Names of cities that were perhaps meant")


def example(value: Any, **more: Any) -> ConfigDict:
    """Configuration of a model: what a whole answer, or a body, may look like; `more`: see flask-openapi3."""
    return ConfigDict(openapi_extra={"example": value, **more})  # type: ignore[typeddict-unknown-key]


HOUR_EXAMPLE: dict[str, Any] = {
    "aqi": 187,
    "category": "Moderate",
    "dominant_pollutant": "pm25",
    "timestamp": "2025-11-05T10:30:00Z",
    "age_minutes": 12,
    "stale": False,
    "source": "cpcb",
    "basis": "measured",
}
UNITS_EXAMPLE = {
    name: "mg/m³" if name == "co" else "µg/m³" for name in ("pm25", "pm10", "no2", "so2", "nh3", "co", "o3")
}
