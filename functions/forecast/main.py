"""The function that issues a forecast for every city when observations are ready."""

from common.adapters.queue import OBSERVATIONS_READY
from common.bootstrap.forecast import build
from common.entry import aws, gcp

handler = aws.events(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
http = gcp.push(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
event = gcp.event(build, default_type=OBSERVATIONS_READY, accepts={OBSERVATIONS_READY})
