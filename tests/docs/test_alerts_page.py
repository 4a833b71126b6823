"""What docs/alerts.md shows of the channels is so: its receiver runs, its example and its texts are what is sent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from msgspec import structs
from processes import free_port, listens, until

from common.adapters.channels import alert_channels
from common.adapters.channels.webhook import new_secret
from common.alerts.messages import Facts, alert_message
from common.alerts.rule import Condition, Rule
from common.config import from_mapping
from common.ports import AlertAddress, NotDelivered

if TYPE_CHECKING:
    from common.ports import AlertMessage

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
[RECEIVER] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TEXTS = dict(re.findall(r"^\| `([a-z-]+)` \| ((?:Vayu|वायु) .+) \|$", PAGE, re.MULTILINE)[:5])
HINDI = dict(re.findall(r"^\| `([a-z-]+)` \| (वायु .+) \|$", PAGE, re.MULTILINE))
CONDITIONS = {
    "measured": Condition("measured", "aqi", 300, 280),
    "forecast": Condition("forecast", "aqi", 300, 280, within_hours=24, probability=0.5),
}


def message(
    kind: str, on: str = "measured", *, language: str = "en", channel: str = "webhook"
) -> AlertMessage:
    rule = Rule(UUID(int=1), UUID(int=2), "Delhi", CONDITIONS[on], channel, language)  # type: ignore[arg-type]
    value = {"measured": 312.0, "forecast": 0.64}[on] if kind != "test" else None
    time = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
    facts = Facts(kind, rule, value, time, UUID(int=3), time, False, "https://vayu.example.org")  # type: ignore[arg-type]
    return alert_message(facts, id_="421", sent_at=datetime.now(UTC))


def test_the_receiver_verifies_and_drops_what_it_has_had(tmp_path: Path) -> None:
    assert len([line for line in RECEIVER.splitlines() if line.strip()]) <= 20
    secret, port = new_secret(), free_port()
    path = tmp_path / "receiver.py"
    path.write_text(RECEIVER)
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(path)],
            stdout=out,
            stderr=out,
            env={**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)},
        )
    try:
        until(lambda: listens(port), 20, "the receiver listens")
        origin = f"http://127.0.0.1:{port}"
        channel = alert_channels(from_mapping({"VAYU_ALERTS_ALLOW_ORIGINS": origin}))["webhook"]
        to = AlertAddress(channel.check(f"{origin}/hook"), (secret,))
        for _ in range(2):
            assert channel.send(message("firing"), to) == 204
        assert (
            channel.send(
                structs.replace(message("clear"), id="422"),
                structs.replace(to, secrets=(secret, new_secret())),
            )
            == 204
        )
        with pytest.raises(NotDelivered, match="401"):
            channel.send(message("firing"), structs.replace(to, secrets=(new_secret(),)))
    finally:
        process.terminate()
        process.wait(10)
    lines = [line for line in (tmp_path / "out").read_text().splitlines() if line.startswith("alert.")]
    assert lines == ["alert.firing Delhi 312.0", "alert.clear Delhi 312.0"]


def test_the_example_has_every_field() -> None:
    [example] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    shown, sent = json.loads(example), message("firing").data
    assert list(shown) == list(sent)
    assert list(shown["data"]) == list(sent["data"])
    for name in ("city", "target", "basis", "value", "unit", "threshold", "category", "time", "seq", "link"):
        assert shown["data"][name] == sent["data"][name], name


@pytest.mark.parametrize("language", ["en", "hi"])
@pytest.mark.parametrize(
    ("name", "kind", "on"),
    [
        ("measured", "firing", "measured"),
        ("measured", "repeat", "measured"),
        ("forecast", "firing", "forecast"),
        ("over-measured", "clear", "measured"),
        ("over-forecast", "clear", "forecast"),
        ("test", "test", "forecast"),
    ],
)
def test_texts_follow_their_templates(name: str, kind: str, on: str, language: str, tmp_path: Path) -> None:
    shown = (TEXTS if language == "en" else HINDI)[name]
    pattern = "(.{1,60})".join(re.escape(part) for part in re.split(r"\{[^}]*\}", shown))
    sent = message(kind, on, language=language, channel="sms")
    assert re.fullmatch(pattern, sent.text), (pattern, sent.text)
    channels = alert_channels(from_mapping({"VAYU_SMS_URL": (tmp_path / "sms").as_uri()}))
    channels["sms"].send(sent, AlertAddress("+919876543210"))
    assert json.loads((tmp_path / "sms").read_text(encoding="utf-8"))["template"] == f"{name}-{language}"
