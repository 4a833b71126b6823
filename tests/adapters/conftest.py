"""Stand-ins for the clouds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto.server import ThreadedMotoServer
from stand_ins import Bucket, StandIn, served

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A server that answers what the test tells it to."""
    with served(StandIn()) as running:
        yield running


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """Google Cloud Storage with one bucket, ``models``."""
    with served(Bucket()) as running:
        yield running


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Address of a server that plays S3 and SQS."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, with the credentials a function would have."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{moto}",
    }.items():
        monkeypatch.setenv(name, value)
    return moto
