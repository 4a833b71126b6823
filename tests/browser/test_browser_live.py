"""The page over a real `vayu live`: what is committed is there at once, and a lost connection loses nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from filled_database import AS_OF
from playwright.sync_api import expect

from common.store.engine import run
from common.store.events import append

if TYPE_CHECKING:
    from conftest import Complaints, LiveSite
    from playwright.sync_api import Locator, Page


def change_index(live_site: LiveSite, aqi: int) -> None:
    """Correct Delhi's last hour, as a collection does it."""
    with live_site.site.database.transaction() as connection:
        run(
            connection,
            "UPDATE city_hour SET aqi = :aqi WHERE city = 'Delhi' AND time = :time",
            aqi=aqi,
            time=AS_OF,
        )
        append(connection, "hours", ["Delhi"], now=AS_OF)


def card(page: Page) -> Locator:
    return page.get_by_role("article", name="Delhi", exact=True)


def test_the_page_shows_what_is_committed_and_falls_and_climbs(
    live_site: LiveSite, page: Page, complaints: Complaints
) -> None:
    complaints.expect(r"WebSocket connection to 'ws://127\.0\.0\.1")
    state = page.get_by_role("banner").get_by_role("status")
    page.goto(live_site.site.url)
    expect(state).to_have_text("Live")
    change_index(live_site, 417)
    expect(card(page)).to_contain_text("417")

    live_site.live.process.kill()
    live_site.live.process.wait()
    change_index(live_site, 418)
    expect(state).to_have_text("Live by events")
    expect(card(page)).to_contain_text("418")

    live_site.live.start()
    expect(state).to_have_text(re.compile("^Live$"), timeout=60_000)
    change_index(live_site, 419)
    expect(card(page)).to_contain_text("419")
