"""A deployment unit as `functions/*/main.py` are, with handlers that only record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify, redirect, request

from common.domain.errors import DataError, StoreError
from common.domain.messages import COLLECT, TRAIN, Message
from common.entry import aws, gcp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug import Response as BaseResponse

    from common.domain.messages import Handler

seen: list[Message] = []
builds: list[str] = []


def build() -> Handler:
    """Records messages; the subject says what goes wrong."""
    builds.append("handler")

    def handle(message: Message) -> Mapping[str, object]:
        if message.subject == "hopeless":
            raise DataError("there is no city 'hopeless'")
        if message.subject == "broken":
            raise RuntimeError("password=hunter2")
        if message.subject == "store":
            raise StoreError("the database cannot be reached")
        seen.append(message)
        return {"city": message.subject, "seen": len(seen), "at": datetime(2025, 11, 5, 10, 30, tzinfo=UTC)}

    return handle


def build_app() -> Flask:
    """Answers with what it was asked."""
    builds.append("app")
    app = Flask(__name__)

    @app.route("/api/v1/echo/", methods=["GET", "POST"])
    def echo() -> Response:
        return jsonify(
            method=request.method,
            query=request.args.to_dict(),
            body=request.get_data(as_text=True),
            remote=request.remote_addr,
            agent=request.headers.get("User-Agent"),
        )

    @app.route("/problem")
    def problem() -> Response:
        return Response('{"status": 404}', 404, content_type="application/problem+json")

    @app.route("/binary")
    def binary() -> Response:
        return Response(bytes(range(256)), content_type="application/octet-stream")

    @app.route("/old")
    def old() -> BaseResponse:
        return redirect("/api/v1/echo/", 308)

    return app


handler = aws.events(build, default_type=COLLECT, accepts={COLLECT, TRAIN})
http = gcp.push(build, default_type=COLLECT, accepts={COLLECT, TRAIN})
event = gcp.event(build, default_type=COLLECT, accepts={COLLECT, TRAIN})
api_handler = aws.http(build_app)
api = gcp.http(build_app)
