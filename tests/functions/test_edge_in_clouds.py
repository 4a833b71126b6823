"""The layer around the API is passed through in every cloud, and sees there who asks."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from common.api import ApiContext, create_app
from common.api.context import Policy
from common.api.middleware.rate_limit import Rate
from common.entry import aws, gcp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flask import Flask

    from common.store.engine import Database


class NoQueue:
    in_database = False

    def send(self, *_: object, **__: object) -> str:
        raise NotImplementedError


@pytest.fixture
def app(database: Database, now: datetime) -> Iterator[Flask]:
    policy = Policy(rates={"anonymous": Rate(2, 60)}, cache_bytes=1 << 20)
    context = ApiContext(database=database, clock=lambda: now, queue=NoQueue(), policy=policy)
    yield create_app(context)
    context.probe.close()


def event(version: str, path: str, address: str, **headers: str) -> dict[str, Any]:
    if version == "2.0":
        http = {"method": "GET", "path": path, "sourceIp": address}
        return {
            "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": headers,
            "requestContext": {"http": http, "stage": "$default"},
        }  # fmt: skip
    return {
        "httpMethod": "GET", "path": path, "headers": headers, "multiValueHeaders": {}, "body": None,
        "requestContext": {"identity": {"sourceIp": address}, "stage": "$default"},
    }  # fmt: skip


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_api_gateway(app: Flask, version: str) -> None:
    handler = aws.http(lambda: app)
    plain = handler(event(version, "/api/v1/cities/", "203.0.113.1"), None)
    assert plain["statusCode"] == 200
    packed = handler(event(version, "/api/v1/cities/", "203.0.113.1", **{"Accept-Encoding": "gzip"}), None)
    assert packed["isBase64Encoded"]
    assert json.loads(gzip.decompress(base64.b64decode(packed["body"]))) == json.loads(plain["body"])
    forged = {"X-Forwarded-For": "6.6.6.6"}
    assert handler(event(version, "/api/v1/cities/", "203.0.113.1", **forged), None)["statusCode"] == 429
    assert handler(event(version, "/api/v1/cities/", "203.0.113.2"), None)["statusCode"] == 200


def test_functions_framework(app: Flask) -> None:
    from werkzeug.test import EnvironBuilder
    from werkzeug.wrappers import Request

    function = gcp.http(lambda: app)
    statuses = []
    for _ in range(3):
        environ = EnvironBuilder(path="/api/v1/cities/", environ_base={"REMOTE_ADDR": "203.0.113.1"})
        answered = function(Request(environ.get_environ()))  # type: ignore[arg-type]
        statuses.append(answered.status_code)
        assert answered.headers["RateLimit-Limit"] == "2"
    assert statuses == [200, 200, 429]
