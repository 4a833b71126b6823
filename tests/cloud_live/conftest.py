"""Live connections as on AWS: a stand-in for DynamoDB, and one for API Gateway's side of the sockets."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import boto3
import pytest
from api_gateway import Gateway
from moto.server import ThreadedMotoServer
from stand_ins import served

from common.adapters.aws.connections import ApiGatewayConnections
from common.services.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from factories import Clock

    from common.store.engine import Database


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Address of a server that plays DynamoDB."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, with the credentials that a function would have."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "ap-south-1",
        "AWS_DEFAULT_REGION": "ap-south-1",
        "AWS_ENDPOINT_URL": f"http://{moto}",
    }.items():
        monkeypatch.setenv(name, value)
    return moto


@pytest.fixture
def table(aws: str) -> str:
    """A table of connections, as template.yaml describes it."""
    name = "live-" + uuid.uuid4().hex[:8]
    client = boto3.client("dynamodb")
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.close()
    return name


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with served(Gateway()) as running:
        yield running


@pytest.fixture
def connections(table: str, gateway: Gateway) -> ApiGatewayConnections:
    return ApiGatewayConnections("ap-south-1", table, f"http://{gateway.address}/prod")


@pytest.fixture
def live(database: Database, connections: ApiGatewayConnections, clock: Clock) -> Live:
    return Live(database, connections, clock)
