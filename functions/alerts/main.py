"""The function that evaluates alerts when something has changed and every five minutes, and sends what they say."""

from common.bootstrap.container import from_environment_with
from common.domain.messages import ALERTS, EVENTS_READY, FORECAST_READY
from common.entry import aws, gcp
from common.services import alerts

build = from_environment_with(alerts.handler)
WOKEN_BY = {ALERTS, EVENTS_READY, FORECAST_READY}

handler = aws.events(build, default_type=ALERTS, accepts=WOKEN_BY)
http = gcp.push(build, default_type=ALERTS, accepts=WOKEN_BY)
event = gcp.event(build, default_type=ALERTS, accepts=WOKEN_BY)
