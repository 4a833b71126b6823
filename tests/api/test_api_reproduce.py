"""What the API lists and gives of a forecast's inputs. That they suffice: tests/services/test_reproduce.py."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_rows import body_of, issued, problem_of, put_forecasts, trained, url
from werkzeug.test import Client

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.api import ApiContext, create_app
from common.api.context import Policy
from common.domain.forecast import HORIZON
from common.domain.model_files import model_key
from common.domain.observation import HOUR
from common.store.engine import Database, run
from common.store.forecast_inputs import ForecastInputs, insert_inputs
from common.store.models import insert_model

PATH = "/forecast/{city}/reproduce"
MODEL = b"an ONNX file" * 100
SHA256 = hashlib.sha256(MODEL).hexdigest()
MATRIX = bytes(range(256)) * 3 * 48
RECIPE = b'{"format":1}'


@pytest.fixture
def folder(tmp_path: Path) -> UrlObjectStore:
    store = UrlObjectStore(tmp_path.as_uri())
    store.put(model_key("v1"), MODEL)
    return store


@pytest.fixture
def serving(database: Database, now: datetime) -> Callable[..., Client]:
    """The application over an object store, with a policy."""

    def serve(files: UrlObjectStore | None, **policy: Any) -> Client:
        queue = PostgresQueue(database, lambda: now)
        opened = None if files is None else lambda: files
        context = ApiContext(database, lambda: now, queue, Policy(**policy), opened)
        return create_app(context).test_client()

    return serve


@pytest.fixture
def client(serving: Callable[..., Client], folder: UrlObjectStore) -> Client:
    return serving(folder)


@pytest.fixture
def published(database: Database, now: datetime) -> list[datetime]:
    """Three forecasts of PM2.5, an hour apart, the newest first, with their inputs."""
    origins = [now - ago * HOUR for ago in range(3)]
    with database.transaction() as connection:
        insert_model(connection, trained("v1", now - timedelta(days=3), target="pm25", checksum=SHA256))
    for number, origin in enumerate(origins):
        put_forecasts(
            database, issued("Delhi", origin, target="pm25", model_version="v1", y=[float(number)] * HORIZON)
        )
        with database.transaction() as connection:
            inputs = ForecastInputs(MATRIX, RECIPE + b" " * number, len(MODEL))
            insert_inputs(connection, "Delhi", "pm25", "live", origin=origin, inputs=inputs)
    return origins


@pytest.mark.usefixtures("published")
def test_the_newest_forecast_with_all_its_parts(client: Client, now: datetime) -> None:
    body = body_of(client.get(url("/forecast/delhi/reproduce", target="pm25")), PATH)
    assert datetime.fromisoformat(body["origin"]) == now
    assert (body["city"], body["model"], body["simulated"]) == ("Delhi", "v1", False)
    assert body["issued"]["values"] == [0.0] * HORIZON
    assert {*map(len, body["issued"].values())} == {HORIZON}
    contents = {"model": MODEL, "matrix": MATRIX, "recipe": RECIPE}
    assert [part["name"] for part in body["parts"]] == list(contents)
    for part in body["parts"]:
        answer = client.get(part["url"])
        assert answer.status_code == 200
        assert answer.data == contents[part["name"]]
        assert len(answer.data) == part["bytes"]
        assert hashlib.sha256(answer.data).hexdigest() == part["sha256"]
        assert answer.content_type == part["media_type"]
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["ETag"] == f'"{part["sha256"]}"'
        again = client.get(part["url"], headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    [matrix] = [part for part in body["parts"] if part["name"] == "matrix"]
    assert (matrix["shape"], matrix["dtype"]) == ([48, 192], "<f4")


def test_the_forecast_issued_by_a_time(client: Client, published: list[datetime]) -> None:
    for number, origin in enumerate(published):
        at = origin + timedelta(minutes=12)  # of its issue
        for asked_for in (at, at + timedelta(minutes=47)):
            query = {"issued": asked_for.isoformat(), "target": "pm25"}
            body = body_of(client.get(url("/forecast/delhi/reproduce", **query)), PATH)
            assert datetime.fromisoformat(body["issued_at"]) == at
            recipe = client.get(body["parts"][2]["url"])
            assert recipe.data == RECIPE + b" " * number
    newest = client.get(url("/forecast/delhi/reproduce/recipe", target="pm25"))
    assert newest.headers["Cache-Control"] == "no-cache"  # another is the newest in an hour
    before = url("/forecast/delhi/reproduce", issued="2025-11-05T08:00:00Z", target="pm25")
    assert "by 2025-11-05T08:00:00Z" in problem_of(client.get(before), 404)["detail"]
    assert "yet" in problem_of(client.get(url("/forecast/pune/reproduce")), 404)["detail"]


@pytest.mark.usefixtures("published")
def test_the_city_page_is_still_there(client: Client) -> None:
    """`/forecast/{city}` and what lies below it are different addresses."""
    assert client.get(url("/forecast/delhi", target="pm25")).json["city"] == "Delhi"
    assert client.get(url("/forecast/confidence/delhi")).json["city"] == "Delhi"


@pytest.mark.parametrize(
    "query",
    [{"issued": "yesterday"}, {"issued": "2025-11-05T10:42:00"}, {"target": "no2"}, {"city": "Delhi"}],
)
def test_what_makes_no_sense(client: Client, query: dict[str, str]) -> None:
    problem_of(client.get(url("/forecast/delhi/reproduce", **query)), 400)


@pytest.mark.parametrize("part", ["model", "weights"])
def test_there_is_no_such_part(client: Client, part: str) -> None:
    problem = problem_of(client.get(url(f"/forecast/delhi/reproduce/{part}")), 404)
    assert problem["errors"][0]["allowed"] == "one of matrix, recipe"


def test_what_is_not_kept_any_more(client: Client, database: Database, published: list[datetime]) -> None:
    [old] = published[-1:]
    with database.transaction() as connection:
        run(connection, "DELETE FROM forecast_inputs WHERE origin = :old", old=old)
    query = {"issued": (old + timedelta(minutes=30)).isoformat(), "target": "pm25"}
    for path in ("", "/matrix", "/recipe"):
        problem = problem_of(client.get(url(f"/forecast/delhi/reproduce{path}", **query)), 410)
        assert "not kept any more: 3 days" in problem["detail"]
        assert problem["type"] == "urn:vayu:problem:gone"
    with database.transaction() as connection:
        run(connection, "UPDATE model SET pruned_at = now()")
    problem_of(client.get(url("/forecast/delhi/reproduce", target="pm25")), 410)
    gone = problem_of(client.get(url(f"/models/files/{SHA256}")), 410)
    assert gone["detail"] == "the file of model v1 is not kept any more"


@pytest.mark.usefixtures("published")
def test_a_file_that_is_nowhere(
    client: Client, folder: UrlObjectStore, serving: Callable[..., Client]
) -> None:
    problem_of(client.get(url(f"/models/files/{'0' * 64}")), 404)
    problem_of(client.get(url("/models/files/v1")), 404)
    problem_of(client.get(url("/models/files/..%2Fcard.json")), 404)
    folder.delete(model_key("v1"))
    problem_of(client.get(url(f"/models/files/{SHA256}")), 404)
    problem_of(serving(None).get(url(f"/models/files/{SHA256}")), 404)


@pytest.mark.usefixtures("published")
def test_where_reads_need_a_token_so_do_these(serving: Callable[..., Client], folder: UrlObjectStore) -> None:
    closed = serving(folder, reads_need_token=True)
    for path in ("/forecast/delhi/reproduce", "/forecast/delhi/reproduce/matrix", f"/models/files/{SHA256}"):
        problem_of(closed.get(url(path)), 401)


class Signing(UrlObjectStore):
    """An object store that hands out addresses: tests/adapters tries those of S3 and Google."""

    def signed_url(self, key: str, valid_for: timedelta) -> str:
        return f"https://store.example/{key}?signed={valid_for.seconds}"


@pytest.mark.usefixtures("published")
def test_a_large_file_comes_from_the_object_store_itself(
    serving: Callable[..., Client], folder: UrlObjectStore
) -> None:
    """Where there is one: a folder gives it all the same."""
    for size, status in ((1_000_000, 200), (4_500_000, 307)):
        folder.put(model_key("v1"), bytes(size))
        answer = serving(Signing(folder.url)).get(url(f"/models/files/{SHA256}"))
        assert answer.status_code == status
        assert serving(folder).get(url(f"/models/files/{SHA256}")).data == bytes(size)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.location == "https://store.example/v1/model.onnx?signed=600"
