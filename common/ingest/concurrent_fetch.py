"""Fetch from several sources at once, each in its own thread; none can hold up the run or the process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from common.domain.errors import OutOfTime, SourceError, StoreError
from common.domain.observation import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from common.sources.interface import Source

log = Logger(service="vayu", child=True)


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What a source gave; nothing but `error` where it failed."""

    source: Source
    batch: Batch
    error: SourceError | None = None


class ConcurrentFetcher:
    """Fetches from sources, and remembers which threads it has given up on.

    A thread cannot be ended from outside. One that hangs is left behind and ends with the process. Until it comes
    back its source gets no other thread, so that there is never more than one thread a source.
    """

    def __init__(self) -> None:
        self._left_behind: dict[str, threading.Thread] = {}

    def fetch_all(
        self, sources: Sequence[Source], fetch: Callable[[Source], Batch], *, end: float
    ) -> list[FetchResult]:
        """What `fetch` gives for each source, or why it gives nothing; returns at `end` (`time.monotonic()`)."""
        answers: dict[str, FetchResult] = {}

        def run(source: Source) -> None:
            answers[source.name] = _fetched(source, fetch)

        threads: dict[str, threading.Thread] = {}
        for source in sources:
            if self._is_left_behind(source):
                continue
            # A daemon: the process may end while it hangs.
            thread = threading.Thread(target=run, args=(source,), name=f"source-{source.name}", daemon=True)
            threads[source.name] = thread
            thread.start()
        for thread in threads.values():
            thread.join(max(0.0, end - time.monotonic()))
        for name, thread in threads.items():
            if name not in answers:
                self._left_behind[name] = thread
        return [answers.get(source.name) or _late(source) for source in sources]

    def _is_left_behind(self, source: Source) -> bool:
        thread = self._left_behind.get(source.name)
        if thread is None or not thread.is_alive():
            self._left_behind.pop(source.name, None)
            return False
        return True


def _fetched(source: Source, fetch: Callable[[Source], Batch]) -> FetchResult:
    try:
        return FetchResult(source, fetch(source))
    except SourceError as error:
        return failed(source, error)
    except StoreError as error:  # a call that cannot be counted must not be made
        return failed(source, SourceError(f"its calls could not be counted: {error}", reason="store"))
    except Exception as error:
        # A provider can always answer what nobody has seen before; it must not cost the others their run.
        log.exception("source broke", extra={"source": source.name})
        message = f"unexpected answer ({type(error).__name__})"
        return FetchResult(source, Batch(), SourceError(message, reason="broken"))


def failed(source: Source, error: SourceError) -> FetchResult:
    """The result of a source that gave nothing; it is logged."""
    log.warning("source failed", extra={"source": source.name, "reason": error.reason})
    return FetchResult(source, Batch(), error)


def _late(source: Source) -> FetchResult:
    return failed(source, OutOfTime("out of time: it did not come back before the run had to end"))
