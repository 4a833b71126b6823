"""The function that issues a forecast for every city when observations are ready."""

import common.adapters.object_store  # noqa: F401 — loaded with the function, not by its first event
from common.bootstrap.container import from_environment_with
from common.domain.messages import OBSERVATIONS_READY
from common.entry import aws, gcp
from common.services import forecast

build = from_environment_with(forecast.handler)

handler = aws.events(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
http = gcp.push(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
event = gcp.event(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
