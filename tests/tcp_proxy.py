"""A network between a program and its PostgreSQL that can fall silent, be cut, or be encrypted.

::

    with Wire(database_url) as wire:
        Database(wire.url)   # the same database, reached over the loopback
        wire.silence()       # connections stay open, and nothing passes any more
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from sqlalchemy import make_url

from common.store.dsn import parse

if TYPE_CHECKING:
    import ssl

_TLS_WANTED = bytes.fromhex("0000000804d2162f")


class Wire:
    """Passes on what is said to the server of `url`; with `tls` it speaks TLS to clients that ask for it."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.opened = 0
        """Connections that were ever made."""
        self._server_url = url
        self._tls = tls
        self._silenced = asyncio.Event()
        self._deaf = False
        self._unanswered = b""
        self._left: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        """The database's address by this way; add `query` for what stands behind the ``?``."""
        address = make_url(self._server_url).set(host="127.0.0.1", port=self.port, query={})
        return address.render_as_string(hide_password=False)

    def silence(self, *, new: bool = False) -> None:
        """Let nothing pass any more on the connections there are; with `new`, on those to come either."""
        self._deaf = new
        self._loop.call_soon_threadsafe(self._silence)

    def keep_answers_to(self, words: bytes) -> None:
        """Pass on what clients say, these words too, but on a connection where they were said no answer more."""
        self._unanswered = words

    def cut_after(self, size: int | None) -> None:
        """End the connection on which answers reach so many bytes more; None: none is ended."""
        self._left = size

    def lead_to(self, url: str) -> None:
        """Pass on what comes from now on to another server, as a name does that is changed; end what there is."""
        self._server_url = url
        self.cut()

    def cut(self) -> None:
        """End the connections there are."""
        self._loop.call_soon_threadsafe(self._cancel)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        self._cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _silence(self) -> None:
        self._silenced.set()
        self._silenced = asyncio.Event()  # of the connections to come

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.opened += 1
        silenced = self._silenced
        if self._deaf:
            silenced = asyncio.Event()
            silenced.set()
        unheard = asyncio.Event()
        writers = [writer]
        try:
            first = await reader.readexactly(8)
            if self._tls and first == _TLS_WANTED:
                writer.write(b"S")
                await writer.start_tls(self._tls)
                first = b""
            there, back = await self._to_server()
            writers.append(back)
            back.write(first)
            await _first_done(
                self._pump(reader, back, silenced, unheard), self._pump_back(there, writer, silenced, unheard)
            )
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            for each in writers:
                each.transport.abort()
            self._tasks.discard(task)

    async def _to_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = parse(self._server_url)
        if server.unix_socket is not None:
            return await asyncio.open_unix_connection(server.unix_socket)
        return await asyncio.open_connection(server.host, server.port)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        silenced: asyncio.Event,
        unheard: asyncio.Event,
    ) -> None:
        while data := await reader.read(65536):
            if silenced.is_set():
                await asyncio.Event().wait()
            if self._unanswered and self._unanswered in data:
                unheard.set()
            writer.write(data)
            await writer.drain()

    async def _pump_back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *silences: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            if any(silence.is_set() for silence in silences):
                await asyncio.Event().wait()
            left = self._left
            if left is not None:
                self._left = None if len(data) > left else left - len(data)
            writer.write(data[:left])
            await writer.drain()
            if left is not None and len(data) > left:
                writer.close()
                await writer.wait_closed()
                return


async def _first_done(*pumps: object) -> None:
    tasks = [asyncio.ensure_future(pump) for pump in pumps]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(OSError, asyncio.CancelledError):
                await task
