"""Live connections on AWS: API Gateway holds the sockets, a table of DynamoDB says whose they are.

A table of PostgreSQL would need a session for each client that comes or goes, of the hundred that there are.
"""

from __future__ import annotations

import uuid
import weakref
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from common.adapters.aws.client import client, reason
from common.domain.errors import StoreError
from common.ports import ConnectionGone, LiveConnection, LiveTurn

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = timedelta(hours=2)
"""How long API Gateway holds a socket, whatever passes through it."""
_SOME_MORE = timedelta(minutes=10)
_TURN = "#turn"
"""Key of the row that says who sends events; ids of connections have no such sign."""


class ApiGatewayConnections:
    """The connections of one WebSocket API."""

    def __init__(self, region: str, table: str, post_url: str, *, at_once: int = 16) -> None:
        """`post_url`: where API Gateway takes messages for connections, ``https://…/{stage}``."""
        self._region = region
        self._table = table
        self._post_url = post_url
        self._at_once = at_once

    def put(self, connection: LiveConnection, *, now: datetime) -> None:
        """Store a connection, or its new state, for as long as its socket may last."""
        item: dict[str, Any] = {
            "id": {"S": connection.id},
            "seq": {"N": str(connection.seq)},
            "expires": {
                "N": str(round((now + LONGEST + _SOME_MORE).timestamp()))
            },  # whole, or DynamoDB ignores it
        }
        if connection.cities is not None:
            item["cities"] = {"SS": sorted(connection.cities)}
        if connection.kinds is not None:
            item["kinds"] = {"SS": sorted(connection.kinds)}
        if connection.greeting is not None and connection.greeted_at is not None:
            item["greeting"] = {"S": connection.greeting}
            item["greeted"] = {"N": _seconds(connection.greeted_at)}
        with self._answered():
            self._rows.put_item(TableName=self._table, Item=item)

    def delete(self, id_: str) -> None:
        """Forget a connection; nothing happens where it is not known."""
        with self._answered():
            self._rows.delete_item(TableName=self._table, Key={"id": {"S": id_}})

    def get(self, id_: str) -> LiveConnection | None:
        """A connection; None where it has not said hello."""
        with self._answered():
            answer = self._rows.get_item(TableName=self._table, Key={"id": {"S": id_}}, ConsistentRead=True)
        return _connection(answer["Item"]) if "Item" in answer else None

    def settle(self, id_: str, seq: int, *, greeting: str) -> bool:
        """End a greeting; False where later events were postponed, another began, or the connection has ended."""
        return self._changed(
            id_,
            "SET seq = :seq REMOVE greeting, greeted, postponed",
            "greeting = :greeting AND (attribute_not_exists(postponed) OR postponed <= :seq)",
            {":seq": {"N": str(seq)}, ":greeting": {"S": greeting}},
        )

    def postpone(self, id_: str, seq: int) -> LiveConnection | None:
        """Leave the events up to `seq` to whoever greets this connection; the connection where nobody does any more."""
        noted = self._changed(
            id_, "SET postponed = :seq", "attribute_exists(greeting)", {":seq": {"N": str(seq)}}
        )
        return None if noted else self.get(id_)

    def all(self, *, now: datetime) -> list[LiveConnection]:
        """Every connection, by a consistent read. DynamoDB itself deletes expired rows within days only."""
        with self._answered():
            pages = self._rows.get_paginator("scan").paginate(
                TableName=self._table,
                ConsistentRead=True,
                FilterExpression="expires > :now AND id <> :turn",
                ExpressionAttributeValues={":now": {"N": _seconds(now)}, ":turn": {"S": _TURN}},
            )
            return [_connection(item) for page in pages for item in page["Items"]]

    def post(self, id_: str, text: str) -> None:
        """Send a message.

        Raises:
            ConnectionGone: where nobody is there.
            StoreError: when API Gateway did not take it.
        """
        with self._answered():
            self._sockets.post_to_connection(ConnectionId=id_, Data=text.encode())

    def close(self, id_: str) -> None:
        """Hang up; nothing happens where nobody is there."""
        try:
            with self._answered():
                self._sockets.delete_connection(ConnectionId=id_)
        except ConnectionGone:
            return

    def take_turn(self, *, now: datetime, seconds: int) -> LiveTurn | None:
        """The right to send events, for at most so long; None while another has it."""
        holder = uuid.uuid4().hex
        values = {
            ":holder": {"S": holder},
            ":ends": {"N": _seconds(now + timedelta(seconds=seconds))},
            ":now": {"N": _seconds(now)},
        }
        free = "attribute_not_exists(ends) OR ends < :now"
        if not self._changed(_TURN, "SET holder = :holder, ends = :ends", free, values):
            return None
        with self._answered():
            row = self._rows.get_item(TableName=self._table, Key={"id": {"S": _TURN}}, ConsistentRead=True)
        return LiveTurn(holder, _moment(row["Item"].get("pinged")))

    def end_turn(self, turn: LiveTurn, *, pinged: datetime) -> None:
        """Give the right back; one that has passed to another meanwhile stays there."""
        values = {":holder": {"S": turn.holder}, ":pinged": {"N": _seconds(pinged)}}
        self._changed(_TURN, "SET pinged = :pinged REMOVE ends, holder", "holder = :holder", values)

    def _changed(self, id_: str, change: str, condition: str, values: dict[str, Any]) -> bool:
        """Change a row where a condition holds; whether it did."""
        with self._answered():
            refused = self._rows.exceptions.ConditionalCheckFailedException
            try:
                self._rows.update_item(
                    TableName=self._table,
                    Key={"id": {"S": id_}},
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                )
            except refused:
                return False
        return True

    @contextmanager
    def _answered(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            if reason(error) in ("GoneException", "410"):
                raise ConnectionGone from error
            raise StoreError(f"the live connections cannot be reached: {reason(error)}") from error
        except BotoCoreError as error:
            raise StoreError(f"the live connections cannot be reached: {reason(error)}") from error

    @cached_property
    def _rows(self) -> Any:
        made = client("dynamodb", self._region, answer_s=5, at_once=self._at_once)
        weakref.finalize(self, made.close)
        return made

    @cached_property
    def _sockets(self) -> Any:
        # A socket that takes longer than this is given up: its client comes back with the number it has.
        made = client(
            "apigatewaymanagementapi", self._region, self._post_url, answer_s=3, at_once=self._at_once
        )
        weakref.finalize(self, made.close)
        return made


def _connection(item: dict[str, Any]) -> LiveConnection:
    cities, kinds = (item.get(name) for name in ("cities", "kinds"))
    return LiveConnection(
        item["id"]["S"],
        int(item["seq"]["N"]),
        None if cities is None else tuple(cities["SS"]),
        None if kinds is None else tuple(kinds["SS"]),
        item["greeting"]["S"] if "greeting" in item else None,
        _moment(item.get("greeted")),
    )


def _moment(number: dict[str, str] | None) -> datetime | None:
    return None if number is None else datetime.fromtimestamp(float(number["N"]), UTC)


def _seconds(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"
