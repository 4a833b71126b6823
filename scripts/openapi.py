"""Print the description of the API, made from the endpoints: docs/openapi.json."""

import sys

from common.api.description import as_json, document
from common.api.routes import BLUEPRINTS

if __name__ == "__main__":
    sys.stdout.buffer.write(as_json(document(BLUEPRINTS)))
