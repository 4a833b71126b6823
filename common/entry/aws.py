"""AWS Lambda handlers; each is made from a `build` that runs at the first event, never at import."""

from __future__ import annotations

import os
from functools import cache, wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import structs

from common.domain.errors import DataError
from common.entry import aws_metrics, event_decoding, loading
from common.entry.message_runner import deferred, log, once, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from common.domain.messages import Handler, Message

    LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]

PROBLEM = "application/problem+json"
_FOR_SECRETS = ("aws_lambda_powertools.utilities.parameters",)
_FOR_EVENTS = (*_FOR_SECRETS, "aws_lambda_powertools.metrics", "aws_lambda_powertools.utilities.batch")


def events(build: Callable[[], Handler], default_type: str, accepts: Collection[str]) -> LambdaHandler:
    """A handler for schedules, direct calls and SQS batches.

    Of a batch only the messages that failed come back, as ``batchItemFailures``; the others are done. For
    anything else the result is what `build`'s handler returns, and its errors are Lambda's.
    """
    handle = deferred(build)

    @traced
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        function = str(getattr(context, "function_name", "vayu"))

        def timed(message: Message) -> Mapping[str, object]:
            return handle(structs.replace(message, seconds_left=_seconds_left(context)))

        def work(message: Message) -> dict[str, object]:
            try:
                result = perform(timed, message, accepts)
            except Exception:
                aws_metrics.emit(aws_metrics.of_failure(message), function)
                raise
            aws_metrics.emit(aws_metrics.of_result(message, result), function)
            return result

        def from_queue(record: SQSRecord) -> None:
            try:
                work(_from_sqs(record.raw_event, default_type))
            except Exception:
                attempt = event_decoding.sqs_attempt(record.raw_event)
                aws_metrics.emit(aws_metrics.of_delivery(default_type, attempt), function)
                raise

        if event_decoding.is_sqs_batch(event):
            return _batch(event, from_queue)
        return work(event_decoding.decode_one(event, default_type))

    _load_before_snapshot(_FOR_EVENTS)
    loading.end()
    return handler


def http(build: Callable[[], WSGIApplication]) -> LambdaHandler:
    """A handler for API Gateway and function URLs that runs the WSGI application `build` makes."""
    application = once(build)

    @traced
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        import serverless_wsgi

        if PROBLEM not in serverless_wsgi.TEXT_MIME_TYPES:
            serverless_wsgi.TEXT_MIME_TYPES.append(PROBLEM)
        answer: dict[str, Any] = serverless_wsgi.handle_request(_without_stage(application()), event, context)
        return answer

    _load_before_snapshot(("serverless_wsgi", *_FOR_SECRETS))
    loading.end()
    return handler


def traced(handler: LambdaHandler) -> LambdaHandler:
    """`handler`, in a segment of its own where X-Ray records the call; else its library is not even loaded."""

    @cache
    def in_segment() -> LambdaHandler:
        from aws_lambda_powertools import Tracer

        tracer = Tracer(service="vayu", patch_modules=["botocore"])
        captured: LambdaHandler = tracer.capture_lambda_handler(handler, capture_response=False)
        return captured

    @wraps(handler)
    def call(event: dict[str, Any], context: Any) -> dict[str, Any]:
        recorded = "Sampled=1" in os.environ.get("_X_AMZN_TRACE_ID", "")
        return (in_segment() if recorded else handler)(event, context)

    return call


def _load_before_snapshot(modules: Collection[str]) -> None:
    """Have SnapStart keep what is otherwise loaded when first needed; settings and connections come after it."""
    try:
        from snapshot_restore_py import register_before_snapshot  # comes with Lambda's runtime
    except ImportError:
        return
    register_before_snapshot(lambda: [import_module(module) for module in modules])


def _seconds_left(context: Any) -> float | None:
    """What Lambda's context says; None where the handler is called by hand, without one."""
    tell = getattr(context, "get_remaining_time_in_millis", None)
    return None if tell is None else tell() / 1000


def _batch(event: dict[str, Any], handle: Callable[[SQSRecord], None]) -> dict[str, Any]:
    """What SQS is to deliver again: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event, handle, processor))


def _from_sqs(record: dict[str, Any], default_type: str) -> Message:
    try:
        return event_decoding.from_sqs(record, default_type)
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
