"""What a forecast is made of, as `explain=true` tells it."""

import math
from datetime import datetime

import pytest
from api_rows import body_of, issued, put_forecasts, url
from werkzeug.test import Client

from common.domain.forecast import EXPERT_BLOCKS, HORIZON, LOG_FLOOR, NAIVE
from common.store.engine import Database
from common.store.experts import IssuedExperts, insert_experts

NAMES = ("linear", "composed", "mean", "mean_corrected", "open-meteo", *NAIVE)
KINDS = ("model", "model", "mean", "corrected", "provider", *["naive"] * len(NAIVE))
LEVELS = (100.0, 110.0, 105.0, 120.0, math.nan)
WEIGHTS = (0.5, 0.0, 0.25, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0)


@pytest.fixture
def made(database: Database, now: datetime) -> datetime:
    """A forecast of PM2.5 whose experts each say one value, but for the provider, which says nothing."""
    floor = LOG_FLOOR["pm25"]
    naive = 90.0
    logs = 0.5 * math.log(100 + floor) + 0.25 * math.log(105 + floor) + 0.25 * math.log(naive + floor)
    y = [round(math.exp(logs) - floor, 1)] * HORIZON
    steps = {name: [naive] * HORIZON for name in NAIVE}
    put_forecasts(database, issued("Delhi", now, target="pm25", y=y, categories=[], **steps))
    experts = IssuedExperts(
        NAMES, [level for level in LEVELS for _ in range(HORIZON)], list(WEIGHTS) * len(EXPERT_BLOCKS)
    )
    with database.transaction() as connection:
        insert_experts(connection, "Delhi", "pm25", "live", origin=now, experts=experts)
    return now


@pytest.mark.usefixtures("made")
def test_every_value_can_be_computed_again(client: Client) -> None:
    answer = client.get(url("/forecast/delhi", target="pm25", explain="true", hours=30))
    body = body_of(answer, "/forecast/{city}")
    explanation = body["explanation"]
    assert [expert["name"] for expert in explanation["experts"]] == list(NAMES)
    assert [expert["kind"] for expert in explanation["experts"]] == list(KINDS)
    assert {len(expert["values"]) for expert in explanation["experts"]} == {30}
    assert explanation["experts"][4]["values"] == [None] * 30
    floor = explanation["floor"]
    for point in body["forecast"]:
        lead, total = point["lead_hours"], 0.0
        for expert in explanation["experts"]:
            (weight,) = (
                block["weight"]
                for block in expert["weights"]
                if block["first_lead"] <= lead <= block["last_lead"]
            )
            value = expert["values"][lead - 1]
            total += weight * math.log(value + floor) if value is not None else 0.0
        assert point["pm25"]["value"] == pytest.approx(math.exp(total) - floor, abs=0.051)
    assert explanation["experts"][0]["share"] == 0.5
    assert sum(expert["share"] for expert in explanation["experts"]) == pytest.approx(1)


@pytest.mark.usefixtures("made")
def test_nothing_is_explained_unasked(client: Client) -> None:
    body = body_of(client.get(url("/forecast/delhi", target="pm25")), "/forecast/{city}")
    assert "explanation" not in body


def test_what_is_not_kept_is_said_so(client: Client, database: Database, now: datetime) -> None:
    put_forecasts(database, issued("Delhi", now))
    body = body_of(client.get(url("/forecast/delhi", explain="true")), "/forecast/{city}")
    assert "explanation" not in body
    assert body["note"] == "What this forecast was made of is not kept."
