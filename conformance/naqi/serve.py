"""What every adapter in Python does: a question a line from stdin, an answer a line to stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Unsupported(Exception):
    """The implementation does not claim this; the message says why."""


def _unknown(_: dict[str, Any]) -> dict[str, Any]:
    raise Unsupported("has no such function")


def serve(operations: Mapping[str, Answer]) -> None:
    """Answer questions until stdin ends. An error of the implementation is an answer too: it counts as wrong."""
    for line in sys.stdin:
        question = json.loads(line)
        answer: dict[str, Any]
        try:
            answer = operations.get(question["op"], _unknown)(question["input"])
        except Unsupported as reason:
            answer = {"unsupported": str(reason)}
        except Exception as error:  # noqa: BLE001  whatever the implementation raises
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps({"id": question["id"], **answer}), flush=True)
