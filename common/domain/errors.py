"""Every error Vayu raises on purpose, split by what the caller should do about it.

::

    VayuError
    ├── ConfigError            a setting is missing or wrong: tell the operator, exit 2
    ├── SourceError            a provider failed
    │   ├── Transient          trying again later may succeed
    │   │   └── OutOfTime      the time of this run is over: ask in the next
    │   ├── Permanent          trying again will not: wrong key, changed payload
    │   └── QuotaExhausted     trying again before `retry_after` makes it worse
    ├── DataError              input that cannot be read or makes no sense: 400, exit 1
    │   ├── ProtocolError      a live client's message; in `common.domain.live_protocol`
    │   ├── Reused             a key that stands for another request already: 409
    │   ├── LimitReached       it makes sense, but there is as much of it as may be: 409
    │   └── TooMuch            it makes sense, but is more than may be had at once: 422
    ├── TooSoon                it may be done again later: 429
    ├── NotSetUp               this installation does not offer it: 503
    ├── NotAcceptable          it cannot be had in that form here: 406
    ├── NotFound               the thing asked for does not exist: 404
    │   └── Gone               it did, and is not kept any more: 410
    ├── ModelError             a model is missing, damaged, or was made for other features
    ├── StoreError             the database or the object store cannot be reached: 503
    └── WorkerError            processes or a cluster to compute on cannot be had, or were lost

Vendors' errors are translated into these at the adapter that met them, with ``from``.
"""

from typing import Literal, NamedTuple


class VayuError(Exception):
    """Base of all errors whose text may be shown to a user."""


class ConfigError(VayuError):
    """A setting is missing or wrong; the text names it and says what it should be."""


class SourceError(VayuError):
    """A provider did not give usable data; ``reason`` is a short stable word for counters."""

    reason = "failed"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason


class Transient(SourceError):
    """A time-out, a refused connection, a 5xx, a truncated body."""

    reason = "unavailable"


class OutOfTime(Transient):
    """The run that asks is over before the answer came; not the provider's word on anything."""

    reason = "timeout"


class Permanent(SourceError):
    """A wrong key, an unknown parameter, a payload of another shape."""

    reason = "refused"


class QuotaExhausted(SourceError):
    """The provider's limit is reached; ``retry_after`` is in seconds where it was told.

    Its reason is ``quota`` where the provider says so, ``spent`` where our own count does before it is asked.
    """

    reason = "quota"

    def __init__(self, message: str, *, retry_after: float | None = None, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class Fault(NamedTuple):
    """One thing that is wrong with an input."""

    where: Literal["parameter", "header", "pointer"]
    """``parameter`` of the address; ``pointer`` (RFC 6901) into a JSON body."""
    name: str
    given: str | None
    """Shortened; None where it is missing."""
    allowed: str
    """In words."""


class RequestError(VayuError):
    """What was given cannot be served; `faults` name its parts where that can be told, `nearest` are names that were
    perhaps meant."""

    def __init__(
        self, message: str, *, faults: tuple[Fault, ...] = (), nearest: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.faults = faults
        self.nearest = nearest


class DataError(RequestError):
    """Input that cannot be read, or does not mean anything."""


class Reused(DataError):
    """A key that its client used for another request before."""


class LimitReached(DataError):
    """There is as much as one owner may have; the text says how to make room."""


class TooMuch(DataError):
    """More than may be had at once; the text says how to have it otherwise."""


class TooSoon(VayuError):
    """Something that may be done so often was done as often; it may be again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotSetUp(VayuError):
    """The operator has not set up what is wanted; the text names the setting."""


class NotAcceptable(RequestError):
    """The form that is wanted cannot be made here; the text names those that can."""


class NotFound(RequestError):
    """The named thing does not exist."""


class Gone(NotFound):
    """The named thing existed and is not kept any more."""


class ModelError(VayuError):
    """A model is missing, damaged, or was made for other features."""


class StoreError(VayuError):
    """The database or the object store cannot be reached or refused the work."""


class WorkerError(VayuError):
    """Processes or a cluster to compute on cannot be had, or were lost; the text says what to do."""
