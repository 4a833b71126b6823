"""Reads the API, and makes every way in which that may fail one sentence that an assistant can pass on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from common.domain.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE = "/api/v1"
_WAIT_S = 20.0
_LARGEST = 8 << 20
_SHOWN = 400
Result = TypeVar("Result", bound=BaseModel)


class ApiClient:
    """A client of one installation; `url` may end in ``/api/v1`` or not.

    Raises:
        ConfigError: where `url` is no address of a web server.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigError(f"{url[:80]!r} is no address") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ConfigError(f"{url[:80]!r} is no address such as https://air.example.org")
        self.url = str(parsed.copy_with(query=None, fragment=None)).rstrip("/").removesuffix(BASE)
        headers = {"Accept": "application/json"} | (
            {} if token is None else {"Authorization": f"Bearer {token}"}
        )
        self._client = httpx.AsyncClient(headers=headers, timeout=_WAIT_S)

    async def read(self, model: type[Result], path: str, query: Mapping[str, Any]) -> Result:
        """What `path`, below ``/api/v1``, answers; None in the query is left out.

        Raises:
            DataError: where nothing answers, the API refuses, or the answer is none of its own.
        """
        address = httpx.URL(
            f"{self.url}{BASE}{path}", params={k: v for k, v in query.items() if v is not None}
        )
        try:
            async with self._client.stream("GET", address) as response:
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _LARGEST:
                        raise DataError(f"{address} answers more than {_LARGEST >> 20} MB; ask for less")
        except httpx.TimeoutException as error:
            raise DataError(f"{self.url} has not answered within {_WAIT_S:.0f} s; try again later") from error
        except httpx.HTTPError as error:
            raise DataError(
                f"no API answers at {self.url}: start it with make run, or name another by --api"
            ) from error
        if response.status_code != httpx.codes.OK:
            raise DataError(_refusal(response, content))
        try:
            return model.model_validate_json(_with_address(content, str(address)))
        except (ValidationError, ValueError) as error:
            raise DataError(f"{self.url} answers, but not as an API of Vayu does; check --api") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _with_address(content: bytes, address: str) -> bytes:
    answer = json.loads(content)
    if not isinstance(answer, dict):
        raise ValueError("no object")  # noqa: TRY004 — as for any other answer that is none
    return json.dumps(answer | {"read_from": address}).encode()


def _refusal(response: httpx.Response, content: bytes) -> str:
    """The sentence of a problem document, and what to do."""
    try:
        problem = json.loads(content)
        detail = str(problem["detail"])[:_SHOWN]
    except (ValueError, KeyError, TypeError):
        return f"the API answers with status {response.status_code} and no explanation; check --api"
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return f"{detail} (the server takes a token from --token-file)"
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return f"{detail} (wait {response.headers.get('Retry-After', 'some')} s)"
    return detail
