"""The ways by which alerts leave: each an `AlertChannel` of `common.ports`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.config import Settings
    from common.ports import AlertChannel


def alert_channels(settings: Settings) -> dict[str, AlertChannel]:
    """Name → channel, of those that are configured; webhook and slack always are."""
    # Here: most processes send nothing, and each cold start would pay for httpx and smtplib.
    from common.adapters.channels.guard import Guard
    from common.adapters.channels.slack import SlackChannel
    from common.adapters.channels.webhook import WebhookChannel

    guard = Guard(settings.alerts_allow_origins)
    channels: dict[str, AlertChannel] = {"webhook": WebhookChannel(guard), "slack": SlackChannel(guard)}
    if settings.smtp_url:
        from common.adapters.channels.email import EmailChannel

        channels["email"] = EmailChannel(settings.smtp_url, settings.mail_from)
    if settings.sms_url:
        from common.adapters.channels.sms import SmsChannel, sms_gateway

        channels["sms"] = SmsChannel(sms_gateway(settings.sms_url, settings.sms_dlt), settings.sms_countries)
    return channels
