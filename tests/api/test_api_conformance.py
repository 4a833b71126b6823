"""Every endpoint does what the description says, whatever is sent: schemathesis, all checks, over a real connection."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from api_rows import context_of, hour, issued, put_forecasts, put_hours, put_models, token_for, trained, url
from werkzeug.serving import WSGIRequestHandler, make_server

from common.adapters.postgres_queue import PostgresQueue
from common.adapters.queue import TRAIN
from common.api import create_app
from common.domain.observation import HOUR
from common.store.engine import Database

CASES = 3
"""Cases for each endpoint and phase, besides those that cover its limits."""


class Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(database: Database, now: datetime) -> Iterator[str]:
    """The address of a server over some data."""
    put_hours(
        database, *(hour(city, now - back * HOUR) for city in ("Delhi", "Mumbai") for back in range(50))
    )
    put_models(database, trained("delhi-aqi-xgboost-1", now - timedelta(days=1), status="champion"))
    put_forecasts(database, issued("Delhi", now), issued("Mumbai", now))
    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {"city": "Delhi"})
    context = context_of(database, now)
    server = make_server("127.0.0.1", 0, create_app(context), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    context.probe.close()


@pytest.mark.tiers("plain")
@pytest.mark.parametrize("authenticated", [False, True])
def test_it_conforms(
    served: str, database: Database, now: datetime, tmp_path: Path, authenticated: bool
) -> None:
    token = token_for(database, now, "read", "retrain", "admin")
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli",
            "--config-file", str(Path(__file__).with_name("schemathesis.toml")),
            "run", served + url("/openapi.json"),
            "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(CASES),
            "--seed", "1", "--generation-deterministic", "--no-color",
            "--continue-on-failure", "--request-timeout", "10",
            "--generation-with-security-parameters", "false",
            *(["--header", f"Authorization: Bearer {token}"] if authenticated else []),
        ],
        capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    [generated] = re.findall(r"(\d+) generated", done.stdout)
    assert int(generated) > 500
