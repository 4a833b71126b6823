"""The function that plans the trainings of a day, or trains the city a message names."""

from common.adapters.queue import TRAIN
from common.bootstrap.train import build
from common.entry import aws, gcp

handler = aws.events(build, default_type=TRAIN, accepts={TRAIN})
http = gcp.push(build, default_type=TRAIN, accepts={TRAIN})
event = gcp.event(build, default_type=TRAIN, accepts={TRAIN})
