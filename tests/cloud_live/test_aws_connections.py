"""The table of live connections, and what is sent to them, against stand-ins over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from stubs import refusing

from common.adapters.aws.connections import LONGEST, ApiGatewayConnections
from common.domain.errors import StoreError
from common.ports import ConnectionGone, LiveConnection

if TYPE_CHECKING:
    from api_gateway import Gateway

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)


def item_of(table: str, id_: str) -> dict[str, Any] | None:
    """A row as DynamoDB has it."""
    client = boto3.client("dynamodb")
    answer: dict[str, Any] = client.get_item(TableName=table, Key={"id": {"S": id_}})
    client.close()
    return answer.get("Item")


def test_what_was_stored_is_what_is_read(connections: ApiGatewayConnections) -> None:
    plain = LiveConnection("L0SM9cOFvHcCIhw=", 7)
    filtered = LiveConnection("L0SM9dgkPHcCEKg=", 2**62, ("Delhi", "Navi Mumbai"), ("hours",))

    connections.put(plain, now=NOW)
    connections.put(filtered, now=NOW)
    assert sorted(connections.all(now=NOW), key=lambda each: each.seq) == [plain, filtered]

    connections.put(LiveConnection(plain.id, 8), now=NOW)
    connections.delete(filtered.id)
    connections.delete("never there")
    assert connections.all(now=NOW) == [LiveConnection(plain.id, 8)]


def test_a_row_ends_with_its_socket(connections: ApiGatewayConnections, table: str) -> None:
    connections.put(LiveConnection("a", 1), now=NOW + timedelta(microseconds=17))

    item = item_of(table, "a")
    assert item is not None
    assert item["expires"]["N"].isdecimal()  # DynamoDB's deletion by time ignores all else
    assert NOW + LONGEST < datetime.fromtimestamp(int(item["expires"]["N"]), UTC) < NOW + 2 * LONGEST
    assert connections.all(now=NOW + LONGEST) != []
    assert connections.all(now=NOW + 2 * LONGEST) == []


def test_more_connections_than_a_page_are_all_read(connections: ApiGatewayConnections, table: str) -> None:
    # DynamoDB reads a megabyte at a time; here the limit of a page is the number of items instead.
    for number in range(30):
        connections.put(LiveConnection(f"c{number}", number), now=NOW)
    paginator = connections._rows.get_paginator("scan")
    pages = list(paginator.paginate(TableName=table, PaginationConfig={"PageSize": 7}))
    assert len(pages) == 5
    assert len(connections.all(now=NOW)) == 30


def test_messages_reach_their_connection_whole(connections: ApiGatewayConnections, gateway: Gateway) -> None:
    connections.post("L0SM9cOFvHcCIhw=", '{"type":"event","cities":["दिल्ली"]}')

    assert gateway.sent["L0SM9cOFvHcCIhw="] == [{"type": "event", "cities": ["दिल्ली"]}]


def test_who_is_gone_is_told_from_what_fails(connections: ApiGatewayConnections, gateway: Gateway) -> None:
    gateway.gone.add("gone")
    gateway.broken.add("broken")

    with pytest.raises(ConnectionGone):
        connections.post("gone", "{}")
    with pytest.raises(StoreError, match=r"cannot be reached: ForbiddenException$"):
        connections.post("broken", "{}")
    connections.close("gone")
    connections.close("there")
    assert gateway.closed == ["there"]


def test_nobody_has_the_turn_twice_and_none_is_lost_with_its_holder(
    connections: ApiGatewayConnections,
) -> None:
    first = connections.take_turn(now=NOW, seconds=70)
    assert first is not None
    assert first.pinged is None
    assert connections.take_turn(now=LATER, seconds=70) is None

    connections.end_turn(first, pinged=NOW)
    second = connections.take_turn(now=LATER, seconds=70)
    assert second is not None
    assert second.pinged == NOW

    third = connections.take_turn(now=LATER + timedelta(seconds=71), seconds=70)  # the second died
    assert third is not None
    connections.end_turn(second, pinged=LATER)  # or was only slow: the turn stays with the third
    assert connections.take_turn(now=LATER + timedelta(seconds=72), seconds=70) is None
    assert connections.all(now=NOW) == []


def test_what_cannot_be_reached_is_a_store_error(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing() as nowhere:
        monkeypatch.setenv("AWS_ENDPOINT_URL", nowhere)
        away = ApiGatewayConnections("ap-south-1", "live", nowhere)
        for call in (
            lambda: away.put(LiveConnection("a", 1), now=NOW),
            lambda: away.delete("a"),
            lambda: away.all(now=NOW),
            lambda: away.post("a", "{}"),
            lambda: away.close("a"),
            lambda: away.take_turn(now=NOW, seconds=1),
        ):
            with pytest.raises(StoreError, match="live connections cannot be reached"):
                call()
