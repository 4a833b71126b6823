"""What every object store must do, the same tests over a folder, memory, S3 and Google Cloud Storage."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from common.adapters.aws.files import S3Files
from common.adapters.object_store import UrlObjectStore
from common.domain.errors import ConfigError, NotFound, StoreError

if TYPE_CHECKING:
    from pathlib import Path


def _file(request: pytest.FixtureRequest) -> str:
    folder: Path = request.getfixturevalue("tmp_path") / "not yet there" / "modèles"
    return folder.as_uri()


def _memory(_: pytest.FixtureRequest) -> str:
    return "memory:///"


def _s3(request: pytest.FixtureRequest) -> str:
    address = request.getfixturevalue("aws")
    boto3.client("s3", endpoint_url=f"http://{address}").create_bucket(Bucket="models")
    return f"s3://models/{uuid.uuid4().hex}"


def _gs(request: pytest.FixtureRequest) -> str:
    _google(request.getfixturevalue("bucket"), request)
    return "gs://models/vayu"


def _google(bucket: Any, request: pytest.FixtureRequest) -> None:
    for name, value in bucket.environment.items():
        request.getfixturevalue("monkeypatch").setenv(name, value)


@pytest.fixture(params=[_file, _memory, _s3, _gs], ids=["file", "memory", "s3", "gs"])
def store(request: pytest.FixtureRequest) -> UrlObjectStore:
    return UrlObjectStore(request.param(request))


def test_what_was_put_is_got(store: UrlObjectStore) -> None:
    data = bytes(range(256)) * 5

    store.put("Delhi/aqi/2025-11-05T10:30.onnx", data)

    assert store.get("Delhi/aqi/2025-11-05T10:30.onnx") == data
    assert store.exists("Delhi/aqi/2025-11-05T10:30.onnx")


def test_a_piece_of_a_file(store: UrlObjectStore) -> None:
    store.put("year=2025/part.parquet", b"0123456789")
    assert store.size("year=2025/part.parquet") == 10
    assert store.get_range("year=2025/part.parquet", 2, 5) == b"234"
    assert store.get_range("year=2025/part.parquet", 9, 10) == b"9"
    for read in (store.size, lambda key: store.get_range(key, 0, 1)):
        with pytest.raises(NotFound, match="absent"):
            read("absent")


def test_a_signed_address_gives_the_file_for_some_time(
    store: UrlObjectStore,
) -> None:
    store.put("v1/model.onnx", b"weights")
    if store.url.startswith("gs:"):
        pytest.skip("the stub of Google's store has no key to sign with")
    address = store.signed_url("v1/model.onnx", timedelta(minutes=10))
    if store.url.startswith("s3:"):
        assert address is not None
        assert "600" in httpx.URL(address).params["X-Amz-Expires"]
        assert httpx.get(address).content == b"weights"
    else:
        assert address is None


def test_the_api_reads_a_bucket_without_obstore(request: pytest.FixtureRequest) -> None:
    url = _s3(request)
    UrlObjectStore(url).put("v1/model.onnx", b"weights")
    files = S3Files(url)
    assert files.get("v1/model.onnx") == b"weights"
    assert files.size("v1/model.onnx") == 7
    assert files.get_range("v1/model.onnx", 2, 5) == b"igh"
    address = files.signed_url("v1/model.onnx", timedelta(minutes=10))
    assert address is not None
    assert httpx.URL(address).params["X-Amz-Expires"] == "600"
    assert httpx.get(address).content == b"weights"
    for read in (files.get, files.size, lambda key: files.get_range(key, 0, 1)):
        with pytest.raises(NotFound, match=r"v2/model\.onnx"):
            read("v2/model.onnx")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        S3Files("s3://nowhere").get("v1/model.onnx")


def test_a_second_put_takes_the_place_of_the_first(store: UrlObjectStore) -> None:
    store.put("model.onnx", b"a long first text")
    store.put("model.onnx", b"second")

    assert store.get("model.onnx") == b"second"
    assert store.list() == ["model.onnx"]


def test_nothing_under_a_key(store: UrlObjectStore) -> None:
    store.put("other", b"x")

    assert not store.exists("absent")
    with pytest.raises(NotFound, match="absent"):
        store.get("absent")
    store.delete("absent")
    assert store.list() == ["other"]


def test_what_was_deleted_is_gone(store: UrlObjectStore) -> None:
    store.put("a", b"1")
    store.delete("a")

    assert not store.exists("a")
    assert store.list() == []


def test_a_listing_is_of_a_folder_and_below_sorted(store: UrlObjectStore) -> None:
    for key in ("Delhi/b/2", "Delhi/a", "Delhi2/a", "Agra/a"):
        store.put(key, b"x")

    assert store.list("Delhi") == ["Delhi/a", "Delhi/b/2"]
    assert store.list() == ["Agra/a", "Delhi/a", "Delhi/b/2", "Delhi2/a"]
    assert store.list("Pune") == []


def test_an_empty_object_is_an_object(store: UrlObjectStore) -> None:
    store.put("empty", b"")

    assert store.exists("empty")
    assert store.get("empty") == b""


def test_a_reader_sees_the_old_or_the_new_but_no_part(tmp_path: Path) -> None:
    store = UrlObjectStore(tmp_path.as_uri())
    whole = {bytes([digit]) * 2_000_000 for digit in range(8)}
    store.put("model", b"\0" * 2_000_000)
    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            seen.append(store.get("model"))

    reader = threading.Thread(target=read)
    reader.start()
    for data in sorted(whole):
        store.put("model", data)
    stop.set()
    reader.join()

    assert seen
    assert set(seen) <= whole
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    store = UrlObjectStore((tmp_path / "models").as_uri())

    for key in ("../secret", "a/../../secret"):
        with pytest.raises(StoreError):
            store.put(key, b"x")

    assert not (tmp_path / "secret").exists()


def test_a_store_that_is_not_there_is_a_store_error(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_bytes(b"")
    for url in ("s3://no-such-bucket", (tmp_path / "a file" / "models").as_uri()):
        with pytest.raises(StoreError, match=r"a%20file|no-such-bucket does not exist"):
            UrlObjectStore(url).put("model", b"x")
    with pytest.raises(StoreError, match="does not exist"):
        UrlObjectStore("s3://no-such-bucket").get("model")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError) as caught:
        UrlObjectStore("s3://models").get("model")
    assert "\n" not in str(caught.value)


def test_google_refusing_is_a_store_error(bucket: Any, request: pytest.FixtureRequest) -> None:
    _google(bucket, request)

    with pytest.raises(StoreError):
        UrlObjectStore("gs://foreign").get("model")


@pytest.mark.parametrize("url", ["", "models", "ftp://host/models", "http://host/models"])
def test_another_kind_of_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="MODEL_STORE_URL"):
        UrlObjectStore(url)


def test_nothing_is_opened_before_the_first_use(tmp_path: Path) -> None:
    UrlObjectStore((tmp_path / "models").as_uri())

    assert not (tmp_path / "models").exists()
