"""Skill on real measurements: October in Jaipur, three stations, forecast as it would have been live."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.cities import find_city
from common.domain.forecast import TARGETS
from common.domain.observation import HOUR, hour_ending
from common.ingest.files.read import read_file
from common.ingest.reconcile import reconcile
from common.services.replay import replay
from common.store.readings import upsert_readings
from common.store.verification import Span, record

DATA = os.environ.get("VAYU_TEST_DATA")
NOW = datetime(2025, 11, 2, 12, tzinfo=UTC)
START, END = datetime(2025, 10, 9, 18, 30, tzinfo=UTC), datetime(2025, 10, 23, 18, 30, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.skipif(
    DATA is None,
    reason="needs real measurements: set VAYU_TEST_DATA to a folder that has cpcb_jaipur_2025/ in it",
)
def test_forecasts_of_jaipur_beat_every_naive_forecast(database_url: str, tmp_path: Path) -> None:
    files = sorted(Path(DATA or "").glob("cpcb_jaipur_2025/*.csv.gz"))
    assert len(files) == 3
    city = find_city("Jaipur")
    settings = from_mapping({"DATABASE_URL": database_url, "VAYU_HOME": str(tmp_path)})
    parts = assemble(settings, clock=lambda: NOW)
    try:
        with parts.database.transaction() as connection:
            for file in files:
                result = read_file(file, city=city, station=None, format=None, now=NOW)
                assert upsert_readings(connection, result.readings, now=NOW).new > 7000
            year = hour_ending(datetime(2024, 12, 31, 18, 30, tzinfo=UTC))
            assert reconcile(connection, "Jaipur", year, END, now=NOW) > 7000
        half_a_day = timedelta(hours=12)
        report = replay(
            parts, start=START, end=END, every=half_a_day, forecast_every=half_a_day,
            families=["linear", "xgboost"],
        )  # fmt: skip
        assert (report.issued, report.skipped) == (58, {})
        for target in TARGETS:
            with parts.database.transaction() as connection:
                actual = record(connection, Span("Jaipur", target, "replay", START - HOUR, END))
            assert actual is not None
            together = actual.pooled
            assert len(actual.by_lead) == 48
            assert together.n > 1200
            assert together.skill is not None
            assert together.skill > 0, f"{target}: MAE {together.mae:.1f}, naive {together.naive_mae}"
    finally:
        parts.database.close()
