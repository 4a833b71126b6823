"""Which models' files may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from common.domain.model_retention import KEPT_AFTER_USE, KEPT_TO_GO_BACK, KeptModel, files_to_give_up

NOW = datetime(2025, 11, 5, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = timedelta(seconds=1)
OLD = KeptModel("old", ("Delhi", "aqi", "live"), False, NOW - 30 * DAY, None, None)


@pytest.mark.parametrize(
    ("model", "used", "goes"),
    [
        (OLD, (), True),
        (OLD, ("old",), False),
        (structs.replace(OLD, is_champion=True), (), False),
        (structs.replace(OLD, trained_at=NOW - KEPT_AFTER_USE), (), False),
        (structs.replace(OLD, trained_at=NOW - KEPT_AFTER_USE - MOMENT), (), True),
        (structs.replace(OLD, followed_until=NOW + MOMENT), (), False),
        (structs.replace(OLD, followed_until=NOW), (), True),
        (structs.replace(OLD, promoted_at=NOW - 20 * DAY), (), False),
    ],
)
def test_what_keeps_a_file(model: KeptModel, used: tuple[str, ...], goes: bool) -> None:
    assert files_to_give_up([model], used, NOW) == (["old"] if goes else [])


def test_the_last_former_champions_of_each_city_target_and_mode_are_kept() -> None:
    models = [
        structs.replace(OLD, version=f"{'-'.join(serves)}-{ago}", serves=serves, promoted_at=NOW - ago * DAY)
        for serves in (
            ("Delhi", "aqi", "live"),
            ("Delhi", "pm25", "live"),
            ("Delhi", "aqi", "replay"),
            ("Pune", "aqi", "live"),
        )
        for ago in range(1, KEPT_TO_GO_BACK + 4)
    ]
    champion = structs.replace(OLD, version="champion", is_champion=True, promoted_at=NOW)
    gone = files_to_give_up([champion, *models], (), NOW)
    assert gone == [
        model.version for model in models if int(model.version.rpartition("-")[2]) > KEPT_TO_GO_BACK
    ]
