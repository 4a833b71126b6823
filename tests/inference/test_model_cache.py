"""Models are served as they were trained, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnx
import pytest
from synthetic import END, hours, make_model

from common.adapters.object_store import UrlObjectStore
from common.domain.cities import all_cities
from common.domain.errors import ModelError, NotFound
from common.domain.forecast import HORIZON, QUANTILES, TARGETS
from common.domain.messages import CITIES_AT_ONCE
from common.domain.model_files import card_key, model_key
from common.features import build, names
from common.inference import onnx_session
from common.inference.card import ModelCard, checksum, read_card
from common.inference.onnx_session import ModelCache, models_of_a_round, open_session, predict
from common.store.challengers import MAX_CHALLENGERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROWS = build(hours(20), END, "aqi", np.array([400, 479]), np.arange(1, HORIZON + 1)).X.reshape(
    -1, len(names("aqi"))
)


class Counted(UrlObjectStore):
    """A folder that remembers what was read."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.read: list[str] = []

    def get(self, key: str) -> bytes:
        self.read.append(key)
        return super().get(key)


@pytest.fixture
def files(tmp_path: Path) -> Counted:
    return Counted(tmp_path.as_uri())


def put(files: UrlObjectStore, card: ModelCard, data: bytes) -> None:
    files.put(model_key(card.version), data)
    files.put(card_key(card.version), msgspec.json.encode(card))


def test_a_model_is_read_once(files: Counted) -> None:
    put(files, *make_model("aqi", "mean24"))
    models = ModelCache(files)
    model = models.get("v1")
    assert models.get("v1") is model
    assert sorted(files.read) == ["v1/card.json", "v1/model.onnx"]
    assert model.card.family == "naive"
    assert model.predict(ROWS).shape == (len(ROWS),)


def test_the_longest_unused_model_makes_room(files: Counted) -> None:
    for version in ("a", "b", "c"):
        put(files, *make_model("aqi", "mean24", version=version))
    models = ModelCache(files, size=2)
    for version in ("a", "b", "a", "c", "a"):
        models.get(version)
    files.read.clear()
    models.get("a")
    assert files.read == []
    models.get("b")
    assert files.read == ["b/card.json", "b/model.onnx"]


def test_the_second_round_of_all_cities_reads_no_file_again(files: Counted) -> None:
    """Champions and all their challengers, in the order of a round, with one promotion between."""
    made, data = make_model("aqi", "mean24")
    versions = [
        f"{city.slug}-{target}-{number}"
        for city in all_cities()
        for target in TARGETS
        for number in range(1 + MAX_CHALLENGERS)
    ]
    assert len(versions) == 56 * 2 * 3
    for version in (*versions, "promoted"):
        put(files, msgspec.structs.replace(made, version=version), data)
    models = ModelCache(files)

    def round_of(served: list[str]) -> int:
        files.read.clear()
        for version in served:
            models.get(version)
            models.hindcast(version, END, 100)
        return len(files.read)

    assert round_of(versions) == 3 * len(versions)
    assert round_of(versions) == 0
    versions[150] = "promoted"
    assert round_of(versions) == 3
    assert round_of(versions) == 0


@pytest.mark.parametrize("missing", ["v1/card.json", "v1/model.onnx"])
def test_a_model_that_is_not_there(files: Counted, missing: str) -> None:
    put(files, *make_model("aqi", "mean24"))
    files.delete(missing)
    with pytest.raises(NotFound, match=missing):
        ModelCache(files).get("v1")


def test_a_damaged_file_is_refused_until_it_is_whole_again(files: Counted) -> None:
    card, data = make_model("aqi", "mean24")
    put(files, card, data)
    files.put(model_key("v1"), data[:-1] + bytes([data[-1] ^ 1]))
    models = ModelCache(files)
    with pytest.raises(ModelError, match="damaged"):
        models.get("v1")
    files.put(model_key("v1"), data)
    assert models.get("v1").card == card


def test_a_file_that_is_no_model_is_refused(files: Counted) -> None:
    card, _ = make_model("aqi", "mean24", checksum=checksum(b"no model"))
    put(files, card, b"no model")
    with pytest.raises(ModelError, match="cannot be opened"):
        ModelCache(files).get("v1")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"features_hash": "0" * 16}, "other features"),
        ({"features": names("aqi")[::-1]}, "other features"),
        ({"target": "pm25"}, "other features"),
        ({"quantile_levels": (0.1, *QUANTILES[1:])}, "other intervals"),
        ({"held_out_quantiles": ((0.0,) * len(QUANTILES),) * 24}, "other intervals"),
        ({"held_out_quantiles": ((0.0,),) * HORIZON}, "other intervals"),
    ],
)
def test_a_card_that_does_not_fit_this_code_is_refused(
    files: Counted, changes: Mapping[str, object], reason: str
) -> None:
    card, data = make_model("aqi", "mean24")
    put(files, msgspec.structs.replace(card, **changes), data)
    with pytest.raises(ModelError, match=reason):
        ModelCache(files).get("v1")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version": "v1"}', b"\xff\xfe"])
def test_a_card_that_cannot_be_read(data: bytes) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(data)


def test_a_card_says_the_same_after_it_was_kept() -> None:
    card, _ = make_model("pm25", "daily")
    assert read_card(msgspec.json.encode(card)) == card


def test_rows_that_a_model_does_not_take() -> None:
    _, data = make_model("aqi", "mean24")
    session = open_session(data)
    with pytest.raises(ModelError, match="does not take these rows"):
        predict(session, ROWS[:, :-1])


def test_forecasts_that_are_no_numbers_are_refused() -> None:
    _, data = make_model("aqi", "mean24")
    model = onnx.load_from_string(data)
    for constant in model.graph.initializer:
        if constant.name == "bias":
            broken = np.full(HORIZON, np.nan, dtype=np.float32)
            constant.CopyFrom(onnx.numpy_helper.from_array(broken, "bias"))
    session = open_session(model.SerializeToString())
    with pytest.raises(ModelError, match="finite"):
        predict(session, ROWS)


@pytest.mark.parametrize(("cities", "of_cities"), [(56, 56), (5600, CITIES_AT_ONCE)])
def test_models_of_one_message_stay_open_however_many_cities_there_are(
    monkeypatch: pytest.MonkeyPatch, cities: int, of_cities: int
) -> None:
    monkeypatch.setattr(onnx_session, "all_cities", lambda: [None] * cities)
    assert models_of_a_round() == of_cities * len(TARGETS) * (1 + MAX_CHALLENGERS)
