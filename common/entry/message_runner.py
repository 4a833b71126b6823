"""What happens to one message whichever cloud brought it: checked, handled once, logged as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from functools import cache
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from aws_lambda_powertools import Logger

from common.domain.errors import DataError, NotFound, Permanent

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from common.domain.messages import Handler, Message

HOPELESS = (DataError, NotFound, Permanent)
"""Errors that no further attempt cures."""

Built = TypeVar("Built")


def once(build: Callable[[], Built]) -> Callable[[], Built]:
    """`build`, called at the first use only, whatever the number of threads; again where it raised."""
    built: list[Built] = []
    lock = Lock()

    def get() -> Built:
        with lock:
            if not built:
                built.append(build())
            return built[0]

    return get


def deferred(build: Callable[[], Handler]) -> Handler:
    """The handler that `build` makes, made when the first message comes."""
    built = once(build)

    def handle(message: Message) -> Mapping[str, object]:
        return built()(message)

    return handle


def perform(handle: Handler, message: Message, accepts: Container[str]) -> dict[str, object]:
    """Handle a message and log how it went; returns the handler's result in the types that JSON has.

    An error's trace goes nowhere but into the log.

    Raises:
        DataError: when the message is of a type outside `accepts`.
        Exception: whatever `handle` raises.
    """
    about: dict[str, Any] = {
        "type": message.type,
        "subject": message.subject,
        "id": message.id,
        "attempt": message.attempt,
    }
    started = perf_counter()
    try:
        result = as_json(_checked(handle, message, accepts)(message))
    except Exception as error:
        about |= {"result": "failed", "error": type(error).__name__, "duration_ms": _since(started)}
        log().exception("message failed", extra=about)
        raise
    about |= {"result": "done", "detail": result, "duration_ms": _since(started)}
    log().info("message handled", extra=about)
    return result


def as_json(outcome: Mapping[str, object]) -> dict[str, object]:
    """A handler's result in the types that JSON has."""
    result: dict[str, object] = json.loads(json.dumps(dict(outcome), default=_text))
    return result


def _checked(handle: Handler, message: Message, accepts: Container[str]) -> Handler:
    if message.type not in accepts:
        raise DataError(f"a message of type {message.type!r} is not for this function")
    return handle


@cache
def log() -> Logger:
    """The structured log, on standard error: standard output belongs to the commands' results."""
    return Logger(
        service="vayu",
        logger_handler=_StandardError(),
        json_serializer=_with_severity,
        utc=True,
        use_rfc3339=True,
        serialize_stacktrace=False,
    )


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is now: progress bars and tests replace it for a while."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """The base class sets it once; the property stands."""


def _with_severity(record: dict[str, Any]) -> str:
    """Google reads the level of a line from ``severity``, Amazon from ``level``."""
    return json.dumps({"severity": record.get("level"), **record}, default=_text)


def _text(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 1)
