"""The function behind live connections on AWS: the WebSocket's messages, and what wakes it when there are events."""

from common.bootstrap.live import build
from common.domain.messages import EVENTS_READY
from common.entry.aws_websocket import live

handler = live(build, default_type=EVENTS_READY)
