"""Google Cloud functions, HTTP and CloudEvent; made from a `build` that runs at the first request."""

from __future__ import annotations

import json
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

from common.domain.errors import DataError
from common.domain.messages import Handler, Message
from common.entry import event_decoding
from common.entry.message_runner import HOPELESS, deferred, log, once, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from wsgiref.types import WSGIApplication

    from cloudevents.abstract import CloudEvent
    from flask import Request
    from werkzeug import Response

Reply = tuple[str, int, dict[str, str]]


def http(
    build: Callable[[], WSGIApplication], *, replace_routes: bool = False
) -> Callable[[Request], Response]:
    """An HTTP function that runs the WSGI application `build` makes.

    functions-framework's own routes match neither a line break nor ``//``, and answer ``/static/…`` and
    ``/favicon.ico`` themselves. With `replace_routes` the application answers every address in their place.
    """
    application = once(build)

    def function(request: Request) -> Response:
        from werkzeug import Response

        return Response.from_app(application(), request.environ)

    if replace_routes and "functions_framework" in sys.modules:  # other platforms need not load Flask here
        from flask import current_app

        if current_app:  # it is the framework's, while it loads the function
            # It is built at the first request, not here.
            current_app.wsgi_app = lambda environ, start_response: application()(environ, start_response)  # type: ignore[method-assign] # noqa: PLW0108
    return function


def push(
    build: Callable[[], Handler], default_type: str, accepts: Collection[str]
) -> Callable[[Request], Reply]:
    """An HTTP function for Cloud Scheduler's POST (empty, or a plain message) and Pub/Sub's push.

    Answers 200 with the result, 204 to Pub/Sub, 400 for what can never succeed and 500 otherwise: anything
    but 2xx makes Pub/Sub deliver again, and after the last attempt put the message on the dead-letter topic.
    """
    handle = deferred(build)

    def function(request: Request) -> Reply:
        if request.method != "POST":
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "send a POST")
        try:
            message, pushed = _message(request, default_type)
        except DataError as error:
            log().exception("message cannot be read", extra={"result": "failed"})
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        try:
            result = perform(handle, message, accepts)
        except HOPELESS as error:
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        except Exception:  # noqa: BLE001 — `perform` has logged it; the sender is told to try again
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR)
        if pushed:
            return "", HTTPStatus.NO_CONTENT, {}
        return json.dumps(result), HTTPStatus.OK, {"Content-Type": "application/json"}

    return function


def event(
    build: Callable[[], Handler], default_type: str, accepts: Collection[str]
) -> Callable[[CloudEvent], None]:
    """A CloudEvent function, for Eventarc; an error makes the platform deliver the event again."""
    handle = deferred(build)

    def function(cloud_event: CloudEvent) -> None:
        perform(handle, event_decoding.from_cloud_event(cloud_event, default_type), accepts)

    return function


def _message(request: Request, default_type: str) -> tuple[Message, bool]:
    """The message of a request, and whether Pub/Sub pushed it."""
    body = request.get_data().strip()
    if not body:
        return Message(default_type, request.headers.get("X-CloudScheduler-ScheduleTime", "")), False
    content = event_decoding.json_object(body)
    return event_decoding.decode_one(content, default_type), event_decoding.is_pubsub_push(content)


def _problem(status: HTTPStatus, detail: str | None = None) -> Reply:
    """RFC 9457; a failure of ours is told without details, which are in the log."""
    problem = {"type": "about:blank", "title": status.phrase, "status": status.value}
    if detail is not None:
        problem["detail"] = detail
    return json.dumps(problem), status, {"Content-Type": "application/problem+json"}
