"""What the functions find: a database with two cities' past, and stand-ins for SQS, S3 and Secrets Manager."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "deploy"))

import templates
from moto.server import ThreadedMotoServer
from synthetic import hours, put_hours  # the tests' own city

from common.adapters.local.embedded_server import EmbeddedServer
from common.adapters.object_store import UrlObjectStore
from common.domain.model_files import model_key
from common.domain.observation import last_full_hour
from common.inference.onnx_session import ModelCache
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import migrate
from common.store.models import champion
from common.training.service import train_city

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack

REGION = "us-east-1"
MODELS = "s3://models/models"
QUEUES = ("collect", "observations-ready", "train", "forecast-ready")


def _plain_settings() -> dict[str, str]:
    """Those that `template.yaml` gives every function as they are."""
    given = templates.read("template.yaml")["Globals"]["Function"]["Environment"]["Variables"]
    return {name: value for name, value in given.items() if isinstance(value, str)}


class Account:
    """An account with what the templates make, as far as functions see it.

    `cities` have a past of so many `days`, and models of the linear family.
    """

    def __init__(self, stack: ExitStack, folder: Path, cities: Iterable[str], days: int = 60) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
        moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        moto.start()
        stack.callback(moto.stop)
        host, port = moto.get_host_and_port()
        aws = {
            "AWS_ACCESS_KEY_ID": "of-a-stand-in",
            "AWS_SECRET_ACCESS_KEY": "of-a-stand-in",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }
        os.environ |= aws
        for name in QUEUES:
            boto3.client("sqs").create_queue(QueueName=f"vayu-{name}")
        boto3.client("s3").create_bucket(Bucket="models")
        folder.chmod(0o711)  # as root the server's user must get through
        postgres = EmbeddedServer(folder / "postgres")
        stack.callback(postgres.stop)
        url = postgres.url("postgres")
        secret = {"DATABASE_URL": url, "VAYU_SOURCES": "simulated"}
        boto3.client("secretsmanager").create_secret(Name="vayu", SecretString=json.dumps(secret))
        self.environment = aws | _plain_settings()
        self.environment |= {
            "VAYU_SECRETS": f"secretsmanager://{REGION}/vayu",
            "QUEUE_URL": f"sqs+http://{host}:{port}/123456789012/vayu-{{type}}",
            "MODEL_STORE_URL": MODELS,
        }
        self._database = Database(url)
        stack.callback(self._database.close)
        migrate(self._database)
        self._fill(cities, days)

    def _fill(self, cities: Iterable[str], days: int) -> None:
        now, history = datetime.now(UTC), hours(days)
        files = UrlObjectStore(MODELS)
        for city in cities:
            put_hours(self._database, city, history, end=last_full_hour(now))
            train_city(self._database, ModelCache(files), city, now=now, families=("linear",))
        maintain(self._database, now=now, retain_raw_days=90)

    def model(self, city: str) -> bytes:
        """The ONNX file that forecasts the city's AQI."""
        with self._database.transaction() as connection:
            row = champion(connection, city, "aqi", "live")
        assert row is not None, city
        return UrlObjectStore(MODELS).get(model_key(row.version))

    def mean_model_mb(self) -> float:
        """Of all models that were trained, served or not."""
        files = UrlObjectStore(MODELS)
        sizes = [len(files.get(key)) for key in files.list() if key.endswith(".onnx")]
        return sum(sizes) / len(sizes) / 1e6

    def forget_forecasts(self) -> int:
        """So that the next instance issues them anew; how many there were."""
        with self._database.transaction() as connection:
            [(number,)] = run(connection, "SELECT count(*) FROM forecast")
            run(connection, "TRUNCATE forecast CASCADE")
        return int(number)
