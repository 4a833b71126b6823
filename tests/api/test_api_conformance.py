"""Every endpoint does what the description says, whatever is sent: schemathesis, all checks, over a real connection."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alert_rows import SEAL
from api_rows import context_of, hour, issued, put_forecasts, put_hours, put_models, token_for, trained, url
from werkzeug.serving import WSGIRequestHandler, make_server

from common.adapters.channels import alert_channels
from common.adapters.postgres.queue import PostgresQueue
from common.api import create_app
from common.config import from_mapping
from common.domain.messages import TRAIN
from common.domain.observation import HOUR
from common.services.verification import update_record
from common.store.engine import Database


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
    put_forecasts(
        database, *(issued("Delhi", now - back * HOUR) for back in range(50)), issued("Mumbai", now)
    )
    with database.transaction() as connection:
        update_record(connection, mode="live", now=now + timedelta(days=1))
    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {"city": "Delhi"})
    channels = alert_channels(from_mapping({"VAYU_SMTP_URL": "smtp://127.0.0.1:9", "DATABASE_URL": ""}))
    context = replace(context_of(database, now), seal=SEAL, alert_channels=lambda: channels)
    server = make_server("127.0.0.1", 0, create_app(context), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    context.probe.close()


def generated(served: str, folder: Path, *options: str) -> int:
    """Cases that were tried; all of them conform, but for what schemathesis.toml excuses and says why."""
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli",
            "--config-file", str(Path(__file__).with_name("schemathesis.toml")),
            "run", served + url("/openapi.json"),
            "--checks", "all", "--no-color", "--continue-on-failure", "--request-timeout", "20", *options,
        ],
        capture_output=True, text=True, cwd=folder, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    [number] = re.findall(r"(\d+) generated", done.stdout)
    return int(number)


# Every phase and every check always; how many random cases an operation gets is breadth.
EXAMPLES = "120" if os.environ.get("VAYU_TEST_THOROUGH") else "12"


@pytest.mark.slow
@pytest.mark.tiers("plain")
def test_strangers_meet_what_is_described(served: str, tmp_path: Path) -> None:
    assert generated(served, tmp_path, "--max-examples", EXAMPLES, "--seed", "7") >= 2500


@pytest.mark.tiers("plain")
def test_holders_of_a_token_do_too(served: str, database: Database, now: datetime, tmp_path: Path) -> None:
    token = token_for(database, now, "read", "retrain", "admin")
    number = generated(
        served, tmp_path, "--phases", "examples,coverage,fuzzing", "--max-examples", "3",
        "--seed", "1", "--generation-deterministic", "--generation-with-security-parameters", "false",
        "--header", f"Authorization: Bearer {token}",
    )  # fmt: skip
    assert number > 500
