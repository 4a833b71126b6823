"""The function that rolls up, compresses, drops and vacuums; only a schedule wakes it."""

from common.bootstrap.container import from_environment_with
from common.entry import aws, gcp
from common.services import retention

MAINTAIN = "vayu.maintain"

build = from_environment_with(retention.handler)

handler = aws.events(build, default_type=MAINTAIN, accepts={MAINTAIN})
http = gcp.push(build, default_type=MAINTAIN, accepts={MAINTAIN})
event = gcp.event(build, default_type=MAINTAIN, accepts={MAINTAIN})
