"""The tools, and the server that offers them over standard input and output."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field, ValidationError

from common import __version__
from common.domain.aqi import Standard
from common.domain.errors import DataError
from common.domain.forecast import HORIZON, Target
from common.mcp_server.results import CityForecast, CityRecord, Comparison, CurrentAir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from common.mcp_server.api_client import ApiClient

_READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
_INSTRUCTIONS = """\
Hourly air quality of 56 Indian cities, forecasts 48 hours ahead, and how good these were.
State the hour, the unit, the source and the standard (Indian NAQI unless us-epa was asked for). Where `simulated` is \
true, say that the numbers are invented; where `stale` is true, say how old they are. Give a forecast with its \
interval. Times are UTC and name the end of an hour; India is at UTC+05:30."""
City = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^/,]+$",
        description="One of the 56 cities, or an alias such as bengaluru",
    ),
]
IndexName = Annotated[Standard, Field(description="Indian NAQI (CPCB 2014) or US EPA AQI (2024)")]
TargetName = Annotated[Target, Field(description="The Indian AQI, or PM2.5 in µg/m³")]
Result = TypeVar("Result", bound=BaseModel)


class _Server(MCPServer[Any]):
    """Says in one sentence which argument was not understood; pydantic's report has a line for each and a link."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(_rejected(error.__cause__)) from error
            raise


def _rejected(error: ValidationError) -> str:
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg'].lower()}, not {str(fault['input'])[:40]!r}"
        for fault in error.errors(include_url=False)
    ]
    return "these arguments cannot be used; " + "; ".join(faults)


def make_server(client: ApiClient) -> MCPServer[Any]:
    """A server of four tools that read the API by this client."""

    @asynccontextmanager
    async def closing(_: MCPServer[Any]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await client.close()

    server = _Server(
        "vayu",
        title="Vayu: air quality of Indian cities",
        version=__version__,
        instructions=_INSTRUCTIONS,
        lifespan=closing,
        log_level="ERROR",
    )
    for tool in _tools(client):
        server.add_tool(tool, annotations=_READS)
    return server


def _tools(client: ApiClient) -> list[Callable[..., Any]]:
    async def read(model: type[Result], path: str, **query: Any) -> Result:
        try:
            return await client.read(model, path, query)
        except DataError as error:
            raise ToolError(str(error)) from error

    async def current_air_quality(city: City, standard: IndexName = "in-naqi") -> CurrentAir:
        """The latest air quality index of a city, with the concentrations of that hour and where they come from."""
        return await read(CurrentAir, f"/aqi/current/{quote(city, safe='')}", standard=standard)

    async def air_quality_forecast(
        city: City,
        hours: Annotated[int, Field(ge=1, le=HORIZON, description="How many hours ahead")] = 24,
        target: TargetName = "aqi",
    ) -> CityForecast:
        """The forecast of a city hour by hour, with 80 % and 95 % intervals and probabilities of bad air."""
        return await read(CityForecast, f"/forecast/{quote(city, safe='')}", hours=hours, target=target)

    async def forecast_record(
        city: City,
        lead: Annotated[
            Literal[1, 3, 6, 12, 24, 48] | None, Field(description="Hours ahead; all if nothing is said")
        ] = None,
        target: TargetName = "aqi",
    ) -> CityRecord:
        """How good the forecasts of a city turned out, against naive forecasts and providers on the same hours."""
        return await read(CityRecord, f"/record/scores/{quote(city, safe='')}", lead=lead, target=target)

    async def compare_cities(
        cities: Annotated[list[City], Field(min_length=2, max_length=10)],
        days: Annotated[int, Field(ge=1, le=366, description="The last Indian days, today included")] = 30,
        standard: IndexName = "in-naqi",
    ) -> Comparison:
        """Two to ten cities side by side over the last days: mean index, worst and best day, pollutants."""
        return await read(
            Comparison, "/cities/compare", cities=",".join(cities), days=days, standard=standard
        )

    return [current_air_quality, air_quality_forecast, forecast_record, compare_cities]
