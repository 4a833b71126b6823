"""Models as they are listed; how they do: see `common.api.routes.record`."""

from msgspec import UNSET

from common.api.context import ApiContext
from common.api.route import Route
from common.api.schemas.common import raw
from common.api.schemas.models import Models, ModelsQuery
from common.api.serialize_models import models_json
from common.domain.cities import find_city


def models(context: ApiContext, *, query: ModelsQuery) -> Models:
    """All models that were trained, newest first, a page at a time."""
    filters: dict[str, str | None] = {
        "city": None if query.city is UNSET else find_city(query.city).name,
        "family": None if query.family is UNSET else query.family,
        "status": None if query.status is UNSET else query.status,
        "target": None if query.target is UNSET else query.target,
        "mode": None if query.mode is UNSET else query.mode,
    }
    with context.database.reading() as connection:
        total, page = models_json(
            connection, filters, limit=query.per_page, offset=(query.page - 1) * query.per_page
        )
    return Models(
        page=query.page,
        per_page=query.per_page,
        pages=-(-total // query.per_page),
        total=total,
        simulated=context.simulated(),
        models=raw(page),
    )


ROUTES = (
    Route(
        "GET", "/models/list", models, Models, query=ModelsQuery, errors=(404,), cache="data", tag="Models"
    ),
)
