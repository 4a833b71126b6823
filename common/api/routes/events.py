"""Events: what has changed, as JSON and as an event stream; and where to be told at once."""

from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic, sleep
from typing import Any

import msgspec
from flask import Response, request
from flask_openapi3 import Tag

from common.api.blueprint import BASE, JSON, Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.middleware.replies import EVENT_STREAM
from common.api.middleware.request_context import logger
from common.api.schemas.events import EventEntry, Events, EventsHeader, EventsQuery, Live
from common.api.serialize_values import utc
from common.domain.cities import find_city
from common.domain.errors import StoreError
from common.store.engine import Database
from common.store.events import Event, EventPage, events_after, newest_seq

EVENTS = Tag(name="Events", description="What has changed")
api = Blueprint("events", abp_tags=[EVENTS])

RETRY_MS = 15_000
"""When a client of an event stream is to come again."""
_AT_ONCE_MS = 1_000
"""The same where more waits for it, or its stream has only come to its end."""
_POLL_S = 1.0
_SIGN_OF_LIFE_S = 10.0
"""A stream without events sends something so often: else nobody would see that a client has gone."""


@api.get("/events", responses={200: Events, 404: Problem})
def events(query: EventsQuery, header: EventsHeader) -> Response | dict[str, Any]:
    """What has changed since an event, in the order of the changes; as JSON, or as an event stream by `Accept`.

    Ask with the number of the last event seen, and go on with `next`. Each change is there once it can be read, and has
    a higher number than all that could be read before. Events are kept for 48 hours.

    An event stream (`text/event-stream`) has the kind of each event as its name and the event itself as its data; an
    event `reload` says that events are gone. Without `after` and `Last-Event-ID` it tells what comes from now on. It
    ends after a while, or at once where the server has no thread to spare: EventSource comes again by itself.
    """
    reader = _Reader(context.database, query)
    after = int(header.last_event_id) if header.last_event_id else query.after
    if request.accept_mimetypes.best_match((JSON, EVENT_STREAM)) == EVENT_STREAM:
        response = _stream(reader, after)
    else:
        response = Response(msgspec.json.encode(_shown(reader.page(after))), content_type=JSON)
    response.vary.add("Accept")
    return response


@api.get("/live", responses={200: Live})
def live() -> dict[str, Any]:
    """Where to connect to be told of events at once.

    Where there is a WebSocket it is the quickest; the events are always there.
    """
    return Live.answer(websocket=context.policy.live_url, events=f"{request.root_path}{BASE}/events")


class _Reader:
    """The events that a request asks for."""

    def __init__(self, database: Database, query: EventsQuery) -> None:
        self._database = database
        self._kinds = query.kinds
        self._limit = query.limit
        self._cities = None if query.cities is None else [find_city(name).name for name in query.cities]

    def newest(self) -> int:
        with self._database.reading() as connection:
            return newest_seq(connection)

    def page(self, after: int | None) -> EventPage:
        with self._database.reading() as connection:
            return events_after(connection, after, kinds=self._kinds, cities=self._cities, limit=self._limit)

    def is_full(self, page: EventPage) -> bool:
        return len(page.events) == self._limit


def _stream(reader: _Reader, after: int | None) -> Response:
    """A stream where this server can keep one open and has room for it; else what there is now."""
    begin = reader.newest() if after is None else after
    page = reader.page(begin)
    places, policy = context.streams, context.policy
    # Behind serverless-wsgi an answer is held whole before anything of it is sent.
    if "serverless.event" in request.environ or not places.acquire(blocking=False):
        retry_ms = _AT_ONCE_MS if reader.is_full(page) else RETRY_MS
        return _event_stream([_beginning(retry_ms, begin), _as_stream(page)])
    leave = ExitStack()  # once, however often the answer is closed
    leave.callback(places.release)
    response = _event_stream(_as_it_comes(reader, begin, page, policy.stream_s))
    response.call_on_close(leave.close)
    return response


def _event_stream(parts: list[bytes] | Iterator[bytes]) -> Response:
    response = Response(parts, content_type=EVENT_STREAM)
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold it back
    return response


def _as_it_comes(reader: _Reader, begin: int, page: EventPage, lasts_s: float) -> Iterator[bytes]:
    """What there is, and what comes, for a while. A database that is away ends it: the client comes again."""
    end = monotonic() + lasts_s  # a thread waits in real time, whatever the application's clocks
    yield _beginning(RETRY_MS, begin)
    silent_since = monotonic()
    try:
        while True:
            if text := _as_stream(page, begin):
                yield text
                silent_since = monotonic()
            elif monotonic() - silent_since >= _SIGN_OF_LIFE_S:
                yield b": still here\n\n"
                silent_since = monotonic()
            if monotonic() >= end:
                break
            begin = page.next
            if not reader.is_full(page):
                sleep(min(_POLL_S, max(end - monotonic(), 0)))
            page = reader.page(begin)
    except StoreError as error:
        logger().warning("stream of events ends", reason=str(error))
        return
    yield b"retry: %d\n\n" % _AT_ONCE_MS


def _beginning(retry_ms: int, seq: int) -> bytes:
    """When to come again, and after which event, if there is none before then."""
    return b"retry: %d\nid: %d\n\n" % (retry_ms, seq)


def _as_stream(page: EventPage, before: int | None = None) -> bytes:
    """Events in the form of https://html.spec.whatwg.org/multipage/server-sent-events.html; then how far was looked."""
    if page.reload:
        data = msgspec.json.encode({"reload": True, "next": page.next})
        return b"id: %d\nevent: reload\ndata: %s\n\n" % (page.next, data)
    parts = [
        b"id: %d\nevent: %s\ndata: %s\n\n"
        % (event.seq, event.kind.encode(), msgspec.json.encode(_entry(event)))
        for event in page.events
    ]
    last = page.events[-1].seq if page.events else before
    if page.next != last:
        parts.append(b"id: %d\n\n" % page.next)
    return b"".join(parts)


def _shown(page: EventPage) -> dict[str, Any]:
    return Events.answer(
        events=[_entry(event) for event in page.events],
        next=page.next,
        oldest=page.oldest,
        reload=page.reload,
    )


def _entry(event: Event) -> dict[str, Any]:
    return EventEntry.answer(
        seq=event.seq,
        kind=event.kind,
        cities=event.cities,
        time=utc(event.time),
        data_version=event.data_version,
        detail=event.detail,
    )
