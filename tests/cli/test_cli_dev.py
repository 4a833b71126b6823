"""``dev`` before it serves: refusals, and the choice between real and simulated data."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import pytest
from commands import Vayu, complaint
from factories import count
from providers import open_meteo
from stubs import Stub, refusing

from common.adapters.local.file_lock import FileLock
from common.bootstrap.container import system_clock
from common.bootstrap.local import local_resources
from common.cli import dev
from common.config import from_mapping
from common.domain.errors import StoreError
from common.sources import BASE_URLS
from common.store.dataset_kind import claim_dataset, dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from common.store.engine import Database


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


@pytest.fixture(autouse=True)
def signals_stay() -> Iterator[None]:
    """A `dev` that fails leaves the signals to the process as they were."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize("by", ["--port", "PORT"])
def test_a_taken_port_is_refused_before_anything_starts(
    lost: Vayu, tmp_path: Path, taken_port: int, by: str
) -> None:
    own = {"DATABASE_URL": ""}
    if by == "--port":
        result = lost("dev", "--offline", "--port", taken_port, env=own)
    else:
        result = lost("dev", "--offline", env=own | {"PORT": str(taken_port)})
    assert f"port {taken_port} is taken; choose another: PORT={taken_port + 1} make run" in complaint(
        result, 1
    )
    assert not (tmp_path / "home" / "postgres").exists()


def test_only_one_in_a_folder(lost: Vayu, tmp_path: Path) -> None:
    with FileLock(tmp_path / "home" / "locks" / "dev") as other:
        assert other.take()
        assert "vayu dev runs already in" in complaint(lost("dev", "--offline"), 1)


def test_a_folder_that_cannot_be_written(lost: Vayu, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert "VAYU_HOME" in complaint(lost("dev", "--offline", env={"DATABASE_URL": ""}), 1)


def reachable(database: Database, tmp_path: Path, addresses: dict[str, str]) -> tuple[str, ...] | None:
    """The sources that are worked with, once the choice is made."""
    settings = from_mapping({"DATABASE_URL": database.url, "VAYU_HOME": str(tmp_path)} | addresses)
    with local_resources(settings, clock=system_clock) as parts, dev._reachable(parts, settings) as chosen:
        return chosen.settings.sources


@pytest.fixture
def nowhere() -> Iterator[dict[str, str]]:
    """Addresses at which connections are refused."""
    with refusing() as closed:
        yield dict.fromkeys(BASE_URLS, f"{closed}/x")


def test_providers_that_answer_fill_the_database(
    database: Database, tmp_path: Path, nowhere: dict[str, str]
) -> None:
    with Stub() as stub:
        stub.answer("/air", open_meteo)
        stub.answer("/weather", open_meteo)
        stub_of = {"OPEN_METEO_AIR_URL": f"{stub.url}/air", "OPEN_METEO_WEATHER_URL": f"{stub.url}/weather"}
        assert reachable(database, tmp_path, nowhere | stub_of) is None
    assert count(database, "reading") == 56 * 24
    with database.transaction() as connection:
        assert dataset(connection) == "real"
    # From now on there is something to serve: nobody is asked at the start.
    assert reachable(database, tmp_path, nowhere) is None


def test_a_database_of_ones_own_is_never_filled_with_invented_data(
    database: Database, tmp_path: Path, nowhere: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StoreError, match=r"no provider can be reached.*--offline"):
        reachable(database, tmp_path, nowhere)
    message = capsys.readouterr().err
    assert "cpcb-feed: refused" in message
    assert "open-meteo: refused" in message
    assert count(database, "reading") == 0
    with database.transaction() as connection:
        assert dataset(connection) is None


def test_simulated_data_are_gone_on_with(
    database: Database, tmp_path: Path, nowhere: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with database.transaction() as connection:
        claim_dataset(connection, "simulated")
    assert reachable(database, tmp_path, nowhere) == ("simulated",)
    assert "Working on simulated data" in capsys.readouterr().err
