"""The function that plans the trainings of a day, trains the city that a message names, or writes open data.

The archive and exports are written here since this function alone has the library that writes them, and the time.
"""

from common.bootstrap.container import by_type, from_environment_with
from common.domain.messages import ARCHIVE, EXPORT, TRAIN
from common.entry import aws, gcp
from common.services import archive, exports, train

HANDLERS = {TRAIN: train.handler, EXPORT: exports.handler, ARCHIVE: archive.handler}

build = from_environment_with(by_type(HANDLERS))
TAKEN = frozenset(HANDLERS)

handler = aws.events(build, default_type=TRAIN, accepts=TAKEN)
http = gcp.push(build, default_type=TRAIN, accepts=TAKEN)
event = gcp.event(build, default_type=TRAIN, accepts=TAKEN)
