"""AWS Lambda handlers; each is made from a `build` that runs at the first event, never at import."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from common.domain.errors import DataError
from common.entry import envelope
from common.entry.perform import Handler, deferred, log, once, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from common.adapters.queue import Message

    LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]

PROBLEM = "application/problem+json"


def events(build: Callable[[], Handler], default_type: str, accepts: Collection[str]) -> LambdaHandler:
    """A handler for schedules, direct calls and SQS batches.

    Of a batch only the messages that failed come back, as ``batchItemFailures``; the others are done. For
    anything else the result is what `build`'s handler returns, and its errors are Lambda's.
    """
    handle = deferred(build)

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        def timed(message: Message) -> Mapping[str, object]:
            return handle(replace(message, seconds_left=_seconds_left(context)))

        if envelope.is_sqs_batch(event):
            return _batch(event, timed, default_type, accepts)
        return perform(timed, envelope.decode_one(event, default_type), accepts)

    return handler


def http(build: Callable[[], WSGIApplication]) -> LambdaHandler:
    """A handler for API Gateway and function URLs that runs the WSGI application `build` makes."""
    application = once(build)

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        import serverless_wsgi

        if PROBLEM not in serverless_wsgi.TEXT_MIME_TYPES:
            serverless_wsgi.TEXT_MIME_TYPES.append(PROBLEM)
        answer: dict[str, Any] = serverless_wsgi.handle_request(_without_stage(application()), event, context)
        return answer

    return handler


def _seconds_left(context: Any) -> float | None:
    """What Lambda's context says; None where the handler is called by hand, without one."""
    tell = getattr(context, "get_remaining_time_in_millis", None)
    return None if tell is None else tell() / 1000


def _batch(
    event: dict[str, Any], handle: Handler, default_type: str, accepts: Collection[str]
) -> dict[str, Any]:
    """What SQS is to deliver again: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html

    By hand: to load Powertools' processor, with asyncio and the classes of DynamoDB's events, was a tenth of a cold
    start of ``forecast``.
    """
    failures = []
    for record in event["Records"]:
        try:
            perform(handle, _from_sqs(record, default_type), accepts)
        except Exception:  # noqa: BLE001 - logged where it happened
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _from_sqs(record: dict[str, Any], default_type: str) -> Message:
    try:
        return envelope.from_sqs(record, default_type)
    except DataError:
        log().exception("message cannot be read", extra={"id": record.get("messageId"), "result": "failed"})
        raise


def _without_stage(app: WSGIApplication) -> WSGIApplication:
    """Keep API Gateway's stage out of the addresses the application sees and makes.

    ``$default`` is no part of any address; another stage stands at the head of a version 2.0 event's path.
    """

    def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stage = environ["SCRIPT_NAME"]
        if stage == "/$default":
            environ["SCRIPT_NAME"] = ""
        elif stage and environ["serverless.event"].get("version") == "2.0":
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(stage)
        return app(environ, start_response)

    return wsgi
