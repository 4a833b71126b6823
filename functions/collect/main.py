"""The function that collects the last hours, or those a backfill message names."""

from common.adapters.queue import COLLECT
from common.bootstrap.collect import build
from common.entry import aws, gcp

handler = aws.events(build, default_type=COLLECT, accepts={COLLECT})
http = gcp.push(build, default_type=COLLECT, accepts={COLLECT})
event = gcp.event(build, default_type=COLLECT, accepts={COLLECT})
