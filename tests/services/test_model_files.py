"""Which models' files upkeep gives up, and that no champion is ever without its file, wherever it is cut off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.bootstrap.container import resources_of
from common.config import from_mapping
from common.domain.errors import NotFound, StoreError
from common.domain.forecast import HORIZON
from common.domain.model_files import card_key, hindcast_key, model_key
from common.domain.model_retention import KEPT_TO_GO_BACK
from common.services.retention import prune_models, upkeep
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast, insert_forecast
from common.store.models import ModelRow, insert_model, promote

if TYPE_CHECKING:
    from pathlib import Path

    from common.services.resources import Resources

DAY = timedelta(days=1)


@pytest.fixture
def parts(database: Database, tmp_path: Path, now: datetime) -> Resources:
    store = (tmp_path / "models").as_uri()
    settings = from_mapping({"DATABASE_URL": database.url, "MODEL_STORE_URL": store})
    return resources_of(settings, database, PostgresQueue(database, lambda: now), lambda: now)


@pytest.fixture
def files(parts: Resources) -> UrlObjectStore:
    return UrlObjectStore(parts.settings.model_store_url)


class Cut:
    """An object store whose connection is lost at the third deletion."""

    def __init__(self, files: UrlObjectStore) -> None:
        self._files = files
        self._left = 2

    def list(self, prefix: str = "") -> list[str]:
        return self._files.list(prefix)

    def delete(self, key: str) -> None:
        if not self._left:
            raise StoreError("the connection was lost")
        self._left -= 1
        self._files.delete(key)


def train(
    parts: Resources,
    files: UrlObjectStore,
    version: str,
    at: datetime,
    *,
    promoted: bool,
    city: str = "Delhi",
) -> None:
    """A model as training leaves it: its files first, then its row."""
    files.put(model_key(version), b"onnx")
    files.put(card_key(version), b"{}")
    files.put(hindcast_key(version), b"hindcasts")
    row = ModelRow(
        version=version,
        city=city,
        target="aqi",
        mode="live",
        family="linear",
        status="candidate" if promoted else "rejected",
        reason="trained",
        trained_at=at,
        window_start=at - 60 * DAY,
        window_end=at,
        samples=900,
        features_hash="f",
        checksum="c",
        metrics={},
    )
    with parts.database.transaction() as connection:
        insert_model(connection, row)
        if promoted:
            promote(connection, version, reason="better", now=at)


def forecast_with(parts: Resources, version: str, issued: datetime) -> None:
    curve = [100.0] * HORIZON
    forecast = IssuedForecast(
        city="Delhi", target="aqi", mode="live", issued_at=issued, origin=issued, known_until=issued,
        model_version=version, family="linear", inputs_hash="h", basis="measured", source="cpcb", y=curve,
        lo80=curve, hi80=curve, lo95=curve, hi95=curve, categories=[], persistence=curve, daily=curve, mean24=curve,
        weekly=curve,
    )  # fmt: skip
    with parts.database.transaction() as connection:
        assert insert_forecast(connection, forecast)


def stored_keys(files: UrlObjectStore) -> set[str]:
    """Versions that have all their files; none may have some only."""
    keys = set(files.list())
    versions = {key.partition("/")[0] for key in keys}
    assert keys == {
        key for version in versions for key in (model_key(version), card_key(version), hindcast_key(version))
    }
    return versions


def a_month_of_trainings(parts: Resources, files: UrlObjectStore, now: datetime) -> None:
    """Every day one that is promoted, and one that is not."""
    for ago in range(30, 0, -1):
        train(parts, files, f"good-{ago}", now - ago * DAY, promoted=True)
        train(parts, files, f"poor-{ago}", now - ago * DAY, promoted=False)


def test_what_is_kept(parts: Resources, files: UrlObjectStore, now: datetime) -> None:
    a_month_of_trainings(parts, files, now)
    train(parts, files, "mumbai", now - 300 * DAY, promoted=True, city="Mumbai")
    files.put("unknown/model.onnx", b"of somebody else")
    files.put("unknown/card.json", b"{}")
    forecast_with(parts, "poor-20", now - 71 * timedelta(hours=1))
    forecast_with(parts, "poor-21", now - 73 * timedelta(hours=1))
    done = upkeep(parts)
    former = {f"good-{ago}" for ago in range(2, 2 + KEPT_TO_GO_BACK)}
    assert {key.partition("/")[0] for key in files.list()} == {
        "good-1", *former, "poor-1", "poor-2", "poor-3", "poor-20", "mumbai", "unknown",
    }  # fmt: skip
    assert done["model_files"] == 3 * (30 - 6 + 30 - 4)
    assert upkeep(parts)["model_files"] == 0


def test_forecasts_still_tell_their_model(parts: Resources, files: UrlObjectStore, now: datetime) -> None:
    a_month_of_trainings(parts, files, now)
    forecast_with(parts, "good-25", now - 25 * DAY)
    prune_models(parts, files)
    with parts.database.transaction() as connection:
        result = run(connection, "SELECT pruned_at FROM forecast JOIN model ON version = model_version")
    assert result == [(now,)]
    assert "good-25" not in stored_keys(files)


def test_one_whose_file_is_gone_is_not_promoted(
    parts: Resources, files: UrlObjectStore, now: datetime
) -> None:
    a_month_of_trainings(parts, files, now)
    prune_models(parts, files)
    with parts.database.transaction() as connection:
        promote(connection, "good-4", reason="back", now=now)
    with pytest.raises(NotFound, match="good-9"), parts.database.transaction() as connection:
        promote(connection, "good-9", reason="back", now=now)
    with parts.database.transaction() as connection:
        champions = run(connection, "SELECT version FROM model WHERE status = 'champion'")
    assert champions == [("good-4",)]


def test_cut_off_in_the_middle_and_done_again(parts: Resources, files: UrlObjectStore, now: datetime) -> None:
    a_month_of_trainings(parts, files, now)
    with pytest.raises(StoreError, match="lost"):
        prune_models(parts, Cut(files))
    with parts.database.transaction() as connection:
        needed = run(connection, "SELECT version FROM model WHERE pruned_at IS NULL")
    assert {model_key(version) for (version,) in needed} <= set(files.list())
    prune_models(parts, files)
    assert stored_keys(files) == {version for (version,) in needed}
