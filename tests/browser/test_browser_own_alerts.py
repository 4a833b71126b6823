"""One's own alerts in a real browser, from the form to the message: by e-mail, and by webhook with a token."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from alert_rows import FORECAST, Receiver, alert_resources, put_rule, receiving
from mail_server import Mailbox, mail_server
from page_checks import too_wide, violations
from playwright.sync_api import expect
from standardwebhooks import Webhook

from common.alerts.rule import QuietHours
from common.domain.messages import ALERTS, Message
from common.services import alerts as service
from common.store import alert_deliveries, alerts
from common.store.api_keys import create_key
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Site
    from playwright.sync_api import Locator, Page

ADDRESS = "asha@example.org"


@dataclass
class AlertSite:
    """A site that sends alerts, and those who get them."""

    site: Site
    box: Mailbox
    hook: Receiver
    token: str
    """Of a key that may have alerts"""

    def send(self) -> None:
        """Run the function that sends, as its schedule does."""
        resources = alert_resources(
            self.site.database,
            self.site.clock,
            self.hook,
            VAYU_SMTP_URL=self.box.url,
            VAYU_PUBLIC_URL=self.site.url,
        )
        service.handler(resources, pause=self.site.clock.sleep)(Message(ALERTS))


@pytest.fixture
def alert_site(site_of: Callable[..., Site]) -> Iterator[AlertSite]:
    with ExitStack() as stack:
        box, hook = stack.enter_context(mail_server()), stack.enter_context(receiving())
        origin = hook.url.rpartition("/")[0]
        site = site_of(alerts={"VAYU_SMTP_URL": box.url, "VAYU_ALERTS_ALLOW_ORIGINS": origin})
        with site.database.transaction() as connection:
            token, _ = create_key(connection, "asha", ["alerts"], now=site.clock())
        yield AlertSite(site, box, hook, token)


def enter_token(page: Page, token: str) -> None:
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Show my alerts").click()
    page.get_by_role("button", name="Forget the token").wait_for()


def own(page: Page) -> Locator:
    return page.get_by_role("region", name="Your alerts").get_by_role("article", name="Delhi")


def test_an_alert_by_email_is_made_confirmed_and_changed(alert_site: AlertSite, page: Page) -> None:
    site = alert_site.site
    page.goto(f"{site.url}/alerts?city=delhi")
    page.get_by_label("E-mail address").fill(ADDRESS)
    page.get_by_role("button", name="Make this alert").click()
    page.get_by_text("Nearly done: press the button in the mail").wait_for()
    alert_site.send()
    [letter] = alert_site.box.letters
    body = letter.get_body(("plain",))
    assert letter["To"] == ADDRESS
    assert body is not None
    link = re.search(rf"{re.escape(site.url)}/api/v1/alerts/confirm/\S+", body.get_content())
    assert link is not None
    page.goto(link[0])
    page.get_by_role("button", name="Confirm").click()
    token = page.locator("code").inner_text()

    page.goto(f"{site.url}/alerts")
    enter_token(page, token)
    expect(own(page)).to_contain_text("Active, quiet since")
    expect(own(page)).to_contain_text("a…@example.org")
    own(page).get_by_role("button", name="Change").click()
    form = own(page).get_by_role("form", name="Change the alert for Delhi")
    form.get_by_label("Above (NAQI, no unit)").fill("250")
    form.get_by_label(re.compile("^Hold messages at night")).check()
    form.get_by_role("button", name="Save the changes").click()
    expect(own(page)).to_contain_text("The alert is changed.")
    expect(own(page)).to_contain_text("more than an index of 250 is forecast within 24 h")
    expect(own(page)).to_contain_text("quiet from 22:00 to 06:00 (Asia/Kolkata)")
    expect(own(page).get_by_role("button", name="Change")).to_be_focused()
    page.reload()
    expect(own(page)).to_contain_text("more than an index of 250 is forecast within 24 h")


def test_a_webhook_is_made_tested_switched_off_and_deleted(alert_site: AlertSite, page: Page) -> None:
    page.goto(f"{alert_site.site.url}/alerts?city=delhi")
    enter_token(page, alert_site.token)
    page.get_by_role("heading", name="You have no alerts yet").wait_for()
    page.get_by_label("By", exact=True).select_option("Webhook")
    page.get_by_label("Address of the webhook").fill(alert_site.hook.url)
    page.get_by_role("button", name="Make this alert").click()
    shown = page.get_by_text(re.compile(r"^whsec_[A-Za-z0-9+/]+=*$"))
    secret = shown.inner_text()
    expect(own(page)).to_contain_text("Active, quiet since")
    page.reload()
    expect(own(page)).to_contain_text("Active, quiet since")
    expect(shown).to_have_count(0)

    own(page).get_by_role("button", name="Send a test").click()
    expect(own(page).get_by_role("row").nth(1)).to_contain_text("on its way")
    alert_site.send()
    expect(own(page).get_by_role("row").nth(1)).to_contain_text("delivered")
    [post] = alert_site.hook.posts
    assert post.kind == "test"
    moment = datetime.fromtimestamp(int(post.headers["webhook-timestamp"]), UTC)
    signature = Webhook(secret).sign(post.id, moment, post.body.decode())
    assert post.headers["webhook-signature"] == signature, "not signed with the secret that was shown"

    own(page).get_by_role("button", name="Switch off").click()
    expect(own(page)).to_contain_text("Switched off.")
    expect(own(page).get_by_role("button", name="Send a test")).to_have_count(0)
    own(page).get_by_role("button", name="Switch on").click()
    expect(own(page)).to_contain_text("Active, quiet since")
    own(page).get_by_role("button", name="Delete").click()
    own(page).get_by_role("button", name="Yes, delete it").click()
    page.get_by_role("heading", name="You have no alerts yet").wait_for()
    with alert_site.site.database.reading() as connection:
        assert run(connection, "SELECT count(*) FROM alert_rule") == [(0,)]


def fill(alert_site: AlertSite) -> None:
    """Two alerts of the token's, one with messages and a score."""
    database, now = alert_site.site.database, alert_site.site.clock()
    with database.transaction() as connection:
        prefix = run(connection, "SELECT prefix FROM api_key")[0][0]
        owner = alerts.keep_key_owner(connection, prefix, uuid4(), now=now)
    put_rule(database, owner, now, state="disabled", city="Pune", channel="email", address=ADDRESS)
    quiet = QuietHours(time(22), time(6), "Asia/Kolkata")
    made = now + timedelta(minutes=1)
    rule = put_rule(database, owner, made, when=FORECAST, quiet_hours=quiet, address=alert_site.hook.url)
    with database.transaction() as connection:
        alert_deliveries.add_delivery(connection, rule.id, "test", now=now)
        for ago, outcome in enumerate(["hit"] * 8 + ["miss", "false alarm", "late"]):
            run(
                connection,
                "INSERT INTO alert_outcome (rule, owner, public, city, basis, target, outcome, time, warning_hours) "
                "VALUES (:rule, :owner, false, 'Delhi', 'forecast', 'aqi', :outcome, :time, :warning)",
                rule=rule.id,
                owner=owner,
                outcome=outcome,
                time=now - timedelta(days=ago),
                warning=12.0 if outcome == "hit" else None,
            )


@pytest.mark.parametrize("locale", ["en-IN", "hi-IN"])
def test_ones_own_alerts_are_accessible_and_fit_a_small_screen(
    alert_site: AlertSite, new_page: Callable[..., Page], axe: str, locale: str
) -> None:
    fill(alert_site)
    page = new_page(locale=locale, color_scheme="light", reduced_motion="reduce")
    page.goto(f"{alert_site.site.url}/alerts")
    page.locator("input[type=password]").fill(alert_site.token)
    page.locator("input[type=password]").press("Enter")
    articles = page.locator(".own-alerts article")
    expect(articles).to_have_count(2)
    first, second = articles.all()
    first.locator("button[aria-controls$=-change]").click()
    first.locator("button[aria-controls$=-deliveries]").click()
    first.locator("summary").click()
    second.locator("button[aria-expanded]:not([aria-controls])").last.click()
    expect(first.locator("form input[type=time]")).to_have_count(2)
    expect(first.locator("tbody tr")).to_have_count(12)
    expect(second.locator(".notice-warn button")).to_have_count(2)
    page.wait_for_load_state("networkidle")
    assert violations(page, axe) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert too_wide(page) == []
    assert violations(page, axe) == []
