"""``reproduce``: compute an issued forecast again, here or from any installation."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import httpx

from common.cli.context import cities_named, opened
from common.cli.main import main
from common.cli.output import console, emit, json_option, make_table, offline_option
from common.cli.param_types import MOMENT
from common.domain.errors import DataError, NotFound
from common.domain.forecast import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from common.domain.forecast import Target
    from common.services.reproduce import Reproduction

_BASE = "/api/v1"
_WAIT_S = 60.0
_SHOWN_DETAIL = 300


@main.command()
@click.argument("city")
@click.option(
    "--issued", type=MOMENT, help="The newest forecast issued by then, ISO 8601; default: the newest of all."
)
@click.option(
    "--target", type=click.Choice(TARGETS), default="aqi", show_default=True, help="What was forecast."
)
@click.option(
    "--url", help="An installation, such as https://air.example.org; default: this machine's database."
)
@click.option("--token", help="Where that installation wants one.")
@offline_option
@json_option
def reproduce(
    city: str,
    issued: datetime | None,
    target: Target,
    url: str | None,
    token: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Compute an issued forecast again from its model, its input matrix and its weights, and compare hour by hour.

    Every part is checked against its SHA-256. The exit status is 0 if all hours agree within a millionth, else 1.
    A time without offset is Indian time.
    """
    [chosen] = cities_named([city])
    from common.services.reproduce import listing_of
    from common.services.reproduce import reproduce as compute

    query = {"target": target} | ({} if issued is None else {"issued": f"{issued:%Y-%m-%dT%H:%M:%SZ}"})
    with _client(url, token, offline=offline) as client:
        listing = listing_of(_get(client, f"{_prefix(url)}{_BASE}/forecast/{chosen.slug}/reproduce", query))
        result = compute(listing, lambda address: _get(client, address))
    _show(result, as_json=as_json)
    if not result.agrees:
        sys.exit(1)


@contextmanager
def _client(url: str | None, token: str | None, *, offline: bool) -> Iterator[httpx.Client]:
    """A client of an installation, or of the API over this machine's database: the same parts in either case."""
    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise click.BadParameter(f"{url!r} does not begin with http:// or https://", param_hint="--url")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with httpx.Client(
            base_url=str(httpx.URL(url).join("/")), headers=headers, timeout=_WAIT_S, follow_redirects=True
        ) as client:
            yield client
        return
    from common.api.middleware.request_context import logger

    log = logger()
    level = log.log_level
    log.setLevel(logging.CRITICAL)  # standard output is for the result
    try:
        with _client_of_this_machine(offline=offline) as client:
            yield client
    finally:
        log.setLevel(level)


@contextmanager
def _client_of_this_machine(*, offline: bool) -> Iterator[httpx.Client]:
    from common.api import ApiContext, create_app

    with opened(offline=offline) as resources:
        app = create_app(
            ApiContext(
                resources.database,
                resources.clock,
                resources.queue,
                open_object_store=resources.open_object_store,
            )
        )
        transport = httpx.WSGITransport(app)
        with httpx.Client(base_url="http://localhost", transport=transport, follow_redirects=True) as client:
            yield client


def _prefix(url: str | None) -> str:
    """The path of an installation's address, below which its API lies."""
    path = "" if url is None else httpx.URL(url).path.rstrip("/")
    return path.removesuffix(_BASE)


def _get(client: httpx.Client, address: str, query: dict[str, str] | None = None) -> bytes:
    try:
        response = client.get(address, params=query)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DataError(f"{address} cannot be fetched from {client.base_url}: {error}") from error
    if response.status_code != httpx.codes.OK:
        raise NotFound(f"{address} answers {response.status_code}{_detail(response)}")
    return response.content


def _detail(response: httpx.Response) -> str:
    try:
        return f": {str(response.json()['detail'])[:_SHOWN_DETAIL]}"
    except (ValueError, KeyError, TypeError):
        return ""


def _show(result: Reproduction, *, as_json: bool) -> None:
    listing = result.listing
    rows: list[tuple[object, ...]] = [
        (
            f"{hour.lead} h",
            hour.issued,
            f"{hour.recipe:.6f}",
            f"{hour.recomputed:.6f}",
            "" if hour.agrees else "differs",
        )
        for hour in result.hours
    ]
    whole: dict[str, Any] = {
        name: listing.get(name)
        for name in ("city", "target", "issued_at", "origin", "model", "simulated", "parts")
    }
    hours = [
        {
            "lead_hours": hour.lead,
            "issued": hour.issued,
            "before_rounding": hour.recipe,
            "recomputed": hour.recomputed,
            "agrees": hour.agrees,
        }
        for hour in result.hours
    ]
    emit(
        whole | {"agrees": result.agrees, "largest_difference": result.largest_difference, "hours": hours},
        as_json=as_json,
        table=make_table(
            f"{listing['city']} {listing['target']}, issued {listing['issued_at']}",
            ("lead", "issued", "before rounding", "recomputed", ""),
            rows,
        ),
    )
    if not as_json:
        differing = sum(not hour.agrees for hour in result.hours)
        verdict = (
            "all 48 hours agree" if not differing else f"{differing} of {len(result.hours)} hours differ"
        )
        console.print(
            f"{verdict}; largest difference {result.largest_difference:.1e} of the value; model {listing['model']}, "
            "every part as listed by its SHA-256",
            soft_wrap=True,
        )
