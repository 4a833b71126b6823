"""The function that plans the trainings of a day, or trains the city a message names."""

from common.bootstrap.container import from_environment_with
from common.domain.messages import TRAIN
from common.entry import aws, gcp
from common.services import train

build = from_environment_with(train.handler)

handler = aws.events(build, default_type=TRAIN, accepts={TRAIN})
http = gcp.push(build, default_type=TRAIN, accepts={TRAIN})
event = gcp.event(build, default_type=TRAIN, accepts={TRAIN})
