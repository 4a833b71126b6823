"""The choice of a database on one machine: real and simulated data never meet."""

from __future__ import annotations

import tempfile
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import gone
from tier_servers import name_of

from common.bootstrap.local import local_resources
from common.config import Settings, from_mapping
from common.domain.errors import ConfigError
from common.store.dataset_kind import Dataset, claim_dataset, dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from common.services.resources import Resources
    from common.store.engine import Database


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vy", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
        gone(Path(folder))


def chosen(parts: Resources) -> tuple[str, tuple[str, ...] | None, str]:
    """(database, sources, folder of the models)."""
    models = Path(parts.settings.model_store_url).name
    return name_of(parts.database.url), parts.settings.sources, models


SIMULATED = ("vayu_simulated", ("simulated",), "models-simulated")
REAL = ("vayu", None, "models")


@pytest.mark.slow
def test_on_the_embedded_server(home: Path, now: datetime) -> None:
    settings = from_mapping({"VAYU_HOME": str(home)})

    def at(settings: Settings = settings, *, claim: Dataset | None = None, **how: bool) -> object:
        with (
            local_resources(settings, clock=lambda: now, **how) as parts,
            parts.database.transaction() as connection,
        ):
            if claim is not None:
                claim_dataset(connection, claim)
            assert parts.clock() == now
            return chosen(parts)

    assert at() == REAL
    assert at(offline=True) == SIMULATED
    assert at() == REAL  # nothing is in either
    assert at(offline=True, claim="simulated") == SIMULATED
    assert at() == SIMULATED  # goes on with what it began
    named = replace(settings, sources=("open-meteo",))
    assert at(named) == ("vayu", ("open-meteo",), "models")
    assert at(named, offline=True) == SIMULATED
    assert at(real=True, claim="real") == REAL
    assert at() == REAL
    assert at(offline=True) == SIMULATED
    only_simulated = replace(settings, sources=("simulated",))
    assert at(only_simulated) == SIMULATED
    assert at(only_simulated, real=True)[0] == "vayu"  # type: ignore[index]


@pytest.mark.parametrize(
    ("holds", "offline", "sources"),
    [
        (None, False, None),
        (None, True, ("simulated",)),
        ("simulated", False, ("simulated",)),
        ("simulated", True, ("simulated",)),
        ("real", False, None),
    ],
)
def test_on_a_database_of_ones_own(
    database: Database,
    now: datetime,
    tmp_path: Path,
    holds: Dataset | None,
    offline: bool,
    sources: tuple[str, ...] | None,
) -> None:
    settings = claimed(database, holds, tmp_path)
    with local_resources(settings, clock=lambda: now, offline=offline) as parts:
        assert parts.database.url == database.url
        key = parts.settings.alerts_key
        assert parts.settings == replace(settings, sources=sources, alerts_key=key)
        assert key == b64decode((tmp_path / "home" / "alerts.key").read_bytes())
        with parts.database.transaction() as connection:
            assert dataset(connection) == holds
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["alerts.key"]


def test_providers_are_not_asked_for_a_database_of_simulated_data(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    settings = replace(claimed(database, "simulated", tmp_path), sources=("cpcb", "open-meteo"))
    with (
        pytest.raises(ConfigError, match="DATABASE_URL names a database of simulated data"),
        local_resources(settings, clock=lambda: now),
    ):
        raise AssertionError("never reached")
    with local_resources(settings, clock=lambda: now, offline=True) as parts:
        assert parts.settings.sources == ("simulated",)


@pytest.mark.parametrize("by", ["--offline", "VAYU_SOURCES"])
def test_a_database_of_real_data_is_never_worked_on_offline(
    database: Database, now: datetime, tmp_path: Path, by: str
) -> None:
    settings = claimed(database, "real", tmp_path)
    if by == "VAYU_SOURCES":
        settings = replace(settings, sources=("simulated",))
    with (
        pytest.raises(ConfigError, match="DATABASE_URL names a database of real data"),
        local_resources(settings, clock=lambda: now, offline=by == "--offline"),
    ):
        raise AssertionError("never reached")


def claimed(database: Database, kind: Dataset | None, folder: Path) -> Settings:
    if kind is not None:
        with database.transaction() as connection:
            claim_dataset(connection, kind)
    return from_mapping({"DATABASE_URL": database.url, "VAYU_HOME": str(folder / "home")})


def test_the_key_of_alerts_is_made_once_and_is_for_its_owner_alone(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    settings = claimed(database, "real", tmp_path)
    keys = []
    for _ in range(2):
        with local_resources(settings, clock=lambda: now) as parts:
            keys.append(parts.settings.alerts_key)
            assert parts.seal is not None
    assert keys[0] == keys[1]
    file = tmp_path / "home" / "alerts.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["alerts.key"]
    file.write_bytes(b"torn")
    with (
        pytest.raises(ConfigError, match=r"alerts\.key holds no key"),
        local_resources(settings, clock=lambda: now),
    ):
        pass
    given = replace(settings, alerts_key=b"x" * 32)
    with local_resources(given, clock=lambda: now) as parts:
        assert parts.settings.alerts_key == b"x" * 32
