"""All cities at a glance."""

from typing import Annotated

from pydantic import Field

from common.api.schemas import HOUR_EXAMPLE, ApiModel, HourEnd, Index, Instant, Mark, StandardName, example


class Trend(ApiModel):
    """The last 24 hours of a city."""

    end: Annotated[HourEnd, Field(description="End of the last of these hours: as_of of the answer")]
    aqi: Annotated[
        list[int | None],
        Field(
            min_length=24,
            max_length=24,
            description="Hour by hour, oldest first; null where there is no index",
        ),
    ]


class Peak(ApiModel):
    """The highest hour that is forecast for the 24 hours after as_of; of equal ones the first."""

    time: HourEnd
    lead_hours: Annotated[int, Field(description="Hours after the origin of the forecast")]
    aqi: int
    category: str
    lower_80: Annotated[int, Field(description="Lower bound of the 80 % interval of that hour")]
    upper_80: Annotated[int, Field(description="Upper bound of the 80 % interval of that hour")]


class Ahead(ApiModel):
    """What the newest forecast says of the 24 hours after as_of."""

    issued_at: Instant
    stale: Annotated[bool, Field(description="Issued more than 3 hours before as_of")]
    naive: Annotated[bool, Field(description="Made of naive forecasts only: too little history to train on")]
    peak: Peak
    exceedance: Annotated[
        dict[str, float] | None,
        Field(description="AQI → the highest probability of any of the hours that it is exceeded"),
    ]


class OverviewCity(ApiModel):
    """A city at a glance."""

    name: str
    slug: str
    state: str
    latitude: Annotated[float, Field(description="Degrees north")]
    longitude: Annotated[float, Field(description="Degrees east")]
    aliases: tuple[str, ...]
    latest: Annotated[Index | None, Field(description="Its latest index within 48 hours; age as of as_of")]
    trend: Annotated[Trend | None, Field(description="Null where none of the hours has an index")]
    forecast: Annotated[
        Ahead | None,
        Field(description="Null where none is in force, and for us-epa: forecasts are of the Indian index"),
    ]


class Overview(ApiModel):
    """All cities at a glance."""

    model_config = example(
        {
            "standard": "in-naqi",
            "simulated": False,
            "as_of": "2025-11-05T10:30:00Z",
            "cities": [
                {
                    "name": "Delhi",
                    "slug": "delhi",
                    "state": "Delhi",
                    "latitude": 28.6139,
                    "longitude": 77.209,
                    "aliases": ["New Delhi"],
                    "latest": HOUR_EXAMPLE | {"age_minutes": 0},
                    "trend": {
                        "end": "2025-11-05T10:30:00Z",
                        "aqi": [
                            212, 209, 207, 204, 201, 199, 198, 201, 207, 214, 219, 224,
                            221, 216, 210, None, 199, 196, 194, 192, 190, 189, 188, 187,
                        ],
                    },
                    "forecast": {
                        "issued_at": "2025-11-05T10:42:00Z",
                        "stale": False,
                        "naive": False,
                        "peak": {
                            "time": "2025-11-06T03:30:00Z",
                            "lead_hours": 17,
                            "aqi": 243,
                            "category": "Poor",
                            "lower_80": 208,
                            "upper_80": 281,
                        },
                        "exceedance": {"200": 0.93, "300": 0.04, "400": 0.0},
                    },
                }
            ],
        }
    )  # fmt: skip

    standard: StandardName
    simulated: Mark
    as_of: Annotated[
        HourEnd,
        Field(
            description="End of the last full hour: ages and what is stale are as of then, and the 24 hours of trend "
            "and forecast lie before and after it"
        ),
    ]
    cities: list[OverviewCity]
