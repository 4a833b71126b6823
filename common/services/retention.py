"""The function ``retention``: roll up days, drop what is past its time, refresh statistics."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from common.bootstrap.container import Parts, assemble
from common.services.outbox import then_notify
from common.store.maintain import maintain
from common.store.models import give_up_files, given_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.domain.messages import Message


class Files(Protocol):
    """What is needed of an object store."""

    def list(self, prefix: str = "") -> list[str]: ...

    def delete(self, key: str) -> None: ...


def build(parts: Parts | None = None) -> Callable[[Message], Mapping[str, object]]:
    """The handler; what it is sent does not matter, only that it is."""
    whole = parts or assemble()

    def handle(_: Message) -> Mapping[str, object]:
        return upkeep(whole)

    return then_notify(whole, handle)


def upkeep(parts: Parts) -> dict[str, object]:
    """All upkeep, of the database and of the models' files: what `maintain` tells, and ``model_files`` deleted.

    Raises:
        StoreError: when the database or the object store cannot be reached; what was done stands.
    """
    from common.adapters.object_store import ObjectStore

    done = maintain(parts.database, now=parts.clock(), retain_raw_days=parts.settings.retain_raw_days)
    return done | {"model_files": prune_models(parts, ObjectStore(parts.settings.model_store_url))}


def prune_models(parts: Parts, files: Files) -> int:
    """Delete the files of models that are needed no more; how many.

    A model is marked before its file goes, so that whatever is cut off, a champion has its file; files that
    were left behind go the next time. Files of models that the database does not know are not touched.
    """
    with parts.database.transaction() as connection:
        give_up_files(connection, now=parts.clock())
    by_version: dict[str, list[str]] = defaultdict(list)
    for key in files.list():
        by_version[key.partition("/")[0]].append(key)
    with parts.database.transaction() as connection:
        needless = given_up(connection, by_version)
    keys = [key for version in needless for key in by_version[version]]
    for key in keys:
        files.delete(key)
    return len(keys)
