"""The function that collects the last hours, or those a backfill message names."""

from common.domain.messages import COLLECT
from common.entry import aws, gcp
from common.services.collect import build

handler = aws.events(build, default_type=COLLECT, accepts={COLLECT})
http = gcp.push(build, default_type=COLLECT, accepts={COLLECT})
event = gcp.event(build, default_type=COLLECT, accepts={COLLECT})
