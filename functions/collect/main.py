"""The function that collects the last hours, or those a backfill message names."""

from common.bootstrap.container import from_environment_with
from common.domain.messages import COLLECT
from common.entry import aws, gcp
from common.services import collect

build = from_environment_with(collect.handler)

handler = aws.events(build, default_type=COLLECT, accepts={COLLECT})
http = gcp.push(build, default_type=COLLECT, accepts={COLLECT})
event = gcp.event(build, default_type=COLLECT, accepts={COLLECT})
