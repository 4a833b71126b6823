"""Answers that are made once and given again as long as they hold, where the layer around Flask does not see to it.

Some take the database a tenth of a second: they are kept in it, for all processes. Others answer a POST.
"""

from collections.abc import Callable
from hashlib import blake2b

import msgspec
from flask import Response, request

from common.api.context import ApiContext
from common.api.dispatch import json_response
from common.api.middleware.cache_control import span
from common.api.middleware.log import logger
from common.api.middleware.request_context import present
from common.api.middleware.response_cache import Answer, Content, Question
from common.api.route import JSON, Kept
from common.domain.errors import StoreError
from common.store import stored_responses


def stored_response(context: ApiContext, name: str, make: Callable[[], msgspec.Struct]) -> Response:
    """The answer of that name as it was made of the present data, or as `make` makes it now.

    Raises:
        StoreError: when the database cannot be reached.
    """
    hour = context.clock().replace(minute=0, second=0, microsecond=0)
    with context.database.reading() as connection:
        version, body = stored_responses.find(connection, name, hour)
    if body is not None:
        return Response(body, content_type=JSON)
    response = json_response(make())
    try:
        with context.database.transaction() as connection:
            stored_responses.keep(connection, name, version, hour, response.get_data(as_text=True))
    except StoreError as error:  # a standby, for one: the answer is right all the same
        logger().warning("answer is not kept", reason=str(error), name=name)
    return response


def kept_response(
    context: ApiContext, kept: Kept, asked: msgspec.Struct, make: Callable[[], msgspec.Struct]
) -> Response:
    """The answer to that body as this process has kept it, or as `make` makes it now."""
    answers, known = context.answers, context.watch.known()
    if answers is None or known is None or not known.sure:
        return json_response(make())
    name = blake2b(request.path.encode() + b"\n" + msgspec.json.encode(asked), digest_size=16).hexdigest()
    now = context.clock()
    question = Question(name, (known.versions.data, span(kept, now)), known.versions.secret)

    def answer() -> Answer:
        return Answer(Content([("Content-Type", JSON)], msgspec.json.encode(make()), now.timestamp()))

    found, present(request.environ).kept = answers.get_or_make(question, answer, seconds=60)
    return Response(found.body, content_type=JSON)
