"""The function that rolls up, compresses, drops and vacuums; only a schedule wakes it."""

from common.entry import aws, gcp
from common.services.retention import build

MAINTAIN = "vayu.maintain"

handler = aws.events(build, default_type=MAINTAIN, accepts={MAINTAIN})
http = gcp.push(build, default_type=MAINTAIN, accepts={MAINTAIN})
event = gcp.event(build, default_type=MAINTAIN, accepts={MAINTAIN})
