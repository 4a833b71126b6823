"""A stand-in for the side of API Gateway on which functions send to connections; moto's never answers 410."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from stand_ins import Request, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Gateway(StandIn):
    """Connections are there unless they are `gone`; what each was sent is `sent`."""

    sent: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    gone: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _held: threading.Event | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """While this lasts, nothing that is sent is answered."""
        self._held = threading.Event()
        try:
            yield
        finally:
            self._held.set()

    def reply(self, request: Request) -> tuple[int, bytes]:
        self.requests.append(request)
        stage, _, id_ = unquote(request.path).partition("/@connections/")
        assert stage == "/prod", request.path
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self._reply(request, id_)
        finally:
            with self._lock:
                self._at_once -= 1

    def _reply(self, request: Request, id_: str) -> tuple[int, bytes]:
        if id_ in self.gone:
            return 410, b'{"message": "Gone", "__type": "GoneException"}'
        if self._held is not None:
            self._held.wait(20)
        if id_ in self.broken and request.method == "POST":
            return 403, b'{"message": "Forbidden", "__type": "ForbiddenException"}'
        if request.method == "DELETE":
            self.closed.append(id_)
            self.gone.add(id_)
            return 204, b""
        self.sent[id_].append(json.loads(request.body))
        return 200, b""

    def of(self, id_: str, type_: str) -> list[dict[str, Any]]:
        """The messages of a type that a connection was sent."""
        return [message for message in self.sent[id_] if message["type"] == type_]

    def seqs(self, id_: str) -> list[int]:
        """The numbers of the events that it was sent, in their order."""
        return [message["seq"] for message in self.of(id_, "event")]
