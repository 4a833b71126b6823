"""Hindcasts: what models that had not seen the last weeks would have issued in them, kept beside those that have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import END, hours, put_hours

from common.adapters.object_store import UrlObjectStore
from common.domain.forecast import COMPOSED, CORRECTED, HORIZON, MEAN, NAIVE, TARGETS
from common.domain.model_files import hindcast_key
from common.domain.observation import HOUR, IST
from common.features import FLOOR, INPUTS, production
from common.inference.experts import APART, Record, rolling
from common.inference.hindcast import as_file
from common.inference.naive import naive_forecasts
from common.inference.onnx_session import ModelCache
from common.training.dataset import LEADS, Dataset, make_dataset, pooled_dataset
from common.training.service import train_city
from common.training.train import Candidate, hindcasts, train_families

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from common.features import Array
    from common.store.engine import Database

HISTORY = hours(40, seed=5)
PM25 = HISTORY[:, INPUTS.index("pm25")]
LAST = len(PM25) - 24 * 8
"""Where the held-out hours begin: a fifth of them."""


@pytest.fixture(scope="module")
def data() -> Dataset:
    return make_dataset(HISTORY, END, "pm25")


@pytest.fixture(scope="module")
def trained(data: Dataset) -> Candidate:
    return train_families(data, ["linear"])[0]


def test_they_are_of_the_held_out_hours_at_the_end(data: Dataset, trained: Candidate) -> None:
    assert data.last_block() == LAST
    [made] = hindcasts(data, trained)
    assert list(made.models) == ["level_free", "linear", "pooled"]
    assert made.origins.tolist() == [at for at in range(LAST, len(PM25)) if at % APART == 0]
    rows = np.flatnonzero(data.split()[1])
    for name, held_out in trained.members.items():
        of = dict(zip(data.hours[rows], held_out, strict=True))
        np.testing.assert_array_equal(made.models[name], [of[at] for at in made.origins])


def test_they_know_nothing_of_what_they_forecast(data: Dataset, trained: Candidate) -> None:
    """The held-out hours after the first origins are spoilt: not a number of theirs changes."""
    [honest] = hindcasts(data, trained)
    some = 20
    spoilt = HISTORY.copy()
    spoilt[honest.origins[some - 1] + 1 :] *= 3
    other = make_dataset(spoilt, END, "pm25")
    [made] = hindcasts(other, train_families(other, ["linear"])[0])
    np.testing.assert_array_equal(made.origins, honest.origins)
    for name, y in honest.models.items():
        np.testing.assert_allclose(made.models[name][:some], y[:some], rtol=1e-6)
        assert np.abs(made.models[name][some:] / y[some:] - 1).max() > 0.5


def test_a_naive_forecast_has_none(data: Dataset) -> None:
    naive = train_families(data, ["linear"])[-1]
    assert naive.family == "naive"
    short = make_dataset(hours(3, seed=2), END, "aqi")
    [only] = train_families(short, ["linear"])
    for [made] in (hindcasts(data, naive), hindcasts(short, only)):
        assert (len(made.origins), made.models) == (0, {})


def test_each_of_several_histories_has_its_own() -> None:
    others = [hours(40, seed=5), hours(40, seed=6)]
    others[1][-24 * 9 :] = np.nan  # this one ended before
    data = pooled_dataset(others, END, IST, production("pm25"))
    first, second = hindcasts(data, train_families(data, ["linear"])[0])
    assert len(second.origins) == 0
    assert (first.origins >= LAST).all()
    assert len(first.origins) >= 8 * 24 // APART - 1
    assert first.models["linear"].shape == (len(first.origins), HORIZON)


def test_they_are_kept_as_they_would_have_been_issued(database: Database, tmp_path: Path) -> None:
    files = UrlObjectStore(tmp_path.as_uri())
    put_hours(database, "Delhi", HISTORY)
    models = ModelCache(files)
    report = train_city(database, models, "Delhi", now=END, families=["linear"])
    versions = {key.partition("/")[0] for key in files.list() if key.endswith("model.onnx")}
    having = {version for version in versions if hindcast_key(version) in files.list()}
    assert having == set(report.promoted.values())
    assert {version for version in versions if "-naive-" in version} == versions - having
    at, place = 5000, len(HISTORY) - 1
    for target, version in report.promoted.items():
        series = HISTORY[:, INPUTS.index(target)]
        hindcast = models.hindcast(version, END + 7 * HOUR, at)
        composed = (COMPOSED,) if target == "aqi" else ()
        own = ("level_free", "linear", "pooled", *composed)
        assert hindcast.names == (*own, MEAN, CORRECTED, *NAIVE)
        origins = place + 7 + hindcast.origins - at
        assert origins.tolist() == [place for place in range(LAST, len(series)) if place % APART == 0]
        naive = naive_forecasts(series, origins, LEADS)
        for name, values in naive.items():
            np.testing.assert_allclose(hindcast.aligned([name])[:, 0], values, rtol=1e-6)
        each = {name: hindcast.aligned([name])[:, 0] for name in own}
        again, _ = rolling(series, origins, each, naive, floor=FLOOR[target])
        np.testing.assert_allclose(hindcast.served, again.served, rtol=1e-3)
        assert np.abs(hindcast.served - hindcast.aligned([MEAN])[:, 0]).max() > 1  # they teach something
    for version in versions - having:
        assert len(models.hindcast(version, END, at).origins) == 0


def test_of_the_index_alone_they_are_composed_of_those_of_the_pm25_champion(
    database: Database, tmp_path: Path
) -> None:
    files = UrlObjectStore(tmp_path.as_uri())
    put_hours(database, "Delhi", HISTORY)
    models = ModelCache(files)
    both = train_city(database, models, "Delhi", now=END, families=["linear"])
    together = models.hindcast(both.promoted["aqi"], END, LAST)
    assert COMPOSED in together.names
    separate: dict[str, str] = {}
    for target in TARGETS[::-1]:
        report = train_city(
            database, models, "Delhi", now=END, families=["linear"], targets=[target], mode="replay"
        )
        separate |= report.promoted
    alone = models.hindcast(separate["aqi"], END, LAST)
    assert alone.names == together.names
    np.testing.assert_array_equal(alone.origins, together.origins)
    np.testing.assert_allclose(alone.experts, together.experts, rtol=1e-4, atol=1e-3)


def test_of_the_index_alone_they_are_not_composed_where_pm25_has_no_model_or_none_that_can_be_read(
    database: Database, tmp_path: Path
) -> None:
    files = UrlObjectStore(tmp_path.as_uri())
    put_hours(database, "Delhi", HISTORY)

    def index_alone(now: datetime) -> Record:
        models = ModelCache(files)
        report = train_city(database, models, "Delhi", now=now, families=["linear"], targets=["aqi"])
        return models.hindcast(report.promoted["aqi"], now, LAST)

    assert COMPOSED not in index_alone(END - HOUR).names
    champion = train_city(
        database, ModelCache(files), "Delhi", now=END, families=["linear"], targets=["pm25"]
    )
    files.put(hindcast_key(champion.promoted["pm25"]), b"damaged")
    assert COMPOSED not in index_alone(END).names


def test_a_models_hindcasts_are_read_once(tmp_path: Path) -> None:
    class Counted(UrlObjectStore):
        read = 0

        def get(self, key: str) -> bytes:
            self.read += 1
            return super().get(key)

    files = Counted(tmp_path.as_uri())
    experts: Array = np.full((1, 1, HORIZON), 7.0)
    record = Record(("linear",), np.array([3]), experts, experts[:, 0])
    for version in ("a", "b", "c"):
        files.put(hindcast_key(version), as_file(record, END, 10))
    models = ModelCache(files, size=2)
    for number, place in enumerate((10, 11, 12)):
        assert models.hindcast("a", END, place).origins.tolist() == [3 + number]
    assert files.read == 1
    for version in ("b", "c", "b"):  # "a" makes room
        models.hindcast(version, END, 10)
    assert files.read == 3
    models.hindcast("a", END, 10)
    assert files.read == 4
