"""The function that plans the trainings of a day, trains the city that a message names, or writes an export.

Exports are made here since this function alone has the library that writes them, and the time.
"""

from common.bootstrap.container import by_type, from_environment_with
from common.domain.messages import EXPORT, TRAIN
from common.entry import aws, gcp
from common.services import exports, train

build = from_environment_with(by_type({TRAIN: train.handler, EXPORT: exports.handler}))
TAKEN = {TRAIN, EXPORT}

handler = aws.events(build, default_type=TRAIN, accepts=TAKEN)
http = gcp.push(build, default_type=TRAIN, accepts=TAKEN)
event = gcp.event(build, default_type=TRAIN, accepts=TAKEN)
