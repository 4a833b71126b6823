"""What is kept of answers."""

from common.api.context import ApiContext
from common.api.route import Route
from common.api.schemas.cache import Cleared
from common.store.version import raise_data_version


def clear(context: ApiContext) -> Cleared:
    """Forget every kept answer, in all processes and in Redis; the next of each kind is made anew.

    Changed data do so by themselves: this is for doubts.
    """
    with context.database.transaction() as connection:
        raise_data_version(connection)  # what other processes keep is void from now on
    dropped = None if context.answers is None else context.answers.clear()
    return Cleared(
        redis=None if context.answers is None or context.shared is None else dropped is not None,
        redis_answers=dropped or 0,
    )


ROUTES = (Route("POST", "/cache/clear", clear, Cleared, scope="admin"),)
