"""The function ``retention``: roll up days, drop what is past its time, refresh statistics."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from common.domain.exports import FOLDER
from common.services.events import then_announce
from common.services.outbox import then_notify
from common.store.exports import needed_exports
from common.store.maintain import maintain
from common.store.models import give_up_files, given_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.messages import Handler, Message
    from common.ports import ObjectStore
    from common.services.resources import Resources


def handler(resources: Resources) -> Handler:
    """The handler; what it is sent does not matter, only that it is."""

    def handle(_: Message) -> Mapping[str, object]:
        return upkeep(resources)

    return then_announce(resources, then_notify(resources, handle))


def upkeep(resources: Resources) -> dict[str, object]:
    """All upkeep, of the database and of files: what `maintain` tells; ``model_files`` and ``export_files`` deleted.

    Raises:
        StoreError: when the database or the object store cannot be reached; what was done stands.
    """
    done = maintain(
        resources.database, now=resources.clock(), retain_raw_days=resources.settings.retain_raw_days
    )
    return done | {
        "model_files": prune_models(resources, resources.open_object_store()),
        "export_files": prune_exports(resources),
    }


def prune_models(resources: Resources, files: ObjectStore) -> int:
    """Delete the files of models that are needed no more; how many.

    A model is marked before its file goes, so that whatever is cut off, a champion has its file; files that
    were left behind go the next time. Files of models that the database does not know are not touched.
    """
    with resources.database.transaction() as connection:
        give_up_files(connection, now=resources.clock())
    by_version: dict[str, list[str]] = defaultdict(list)
    for key in files.list():
        by_version[key.partition("/")[0]].append(key)
    with resources.database.transaction() as connection:
        needless = given_up(connection, by_version)
    keys = [key for version in needless for key in by_version[version]]
    for key in keys:
        files.delete(key)
    return len(keys)


def prune_exports(resources: Resources) -> int:
    """Delete the files of exports that are over for long enough, or whose making was given up; how many files."""
    if resources.open_archive is None:
        return 0
    files = resources.open_archive("")
    keys = files.list(FOLDER)
    with resources.database.transaction() as connection:
        needed = {str(number) for number in needed_exports(connection, now=resources.clock())}
    needless = [key for key in keys if key.split("/")[1] not in needed]
    for key in needless:
        files.delete(key)
    return len(needless)
