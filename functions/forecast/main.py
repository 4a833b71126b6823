"""The function that issues a forecast for every city when observations are ready."""

from common.domain.messages import OBSERVATIONS_READY
from common.entry import aws, gcp
from common.services.forecast import build

handler = aws.events(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
http = gcp.push(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
event = gcp.event(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
