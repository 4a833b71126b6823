"""Models as they are listed, and trainings by request; how models do: see `common.api.routes.record`."""

import hashlib
from typing import Any

import msgspec
from flask import Response, request
from flask_openapi3 import Tag

from common.adapters.postgres.tracked_queue import Once, send_tracked
from common.api.blueprint import BASE, JSON, Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.middleware.request_context import present
from common.api.responses import raw
from common.api.schemas import CityPath
from common.api.schemas.models import Job, JobPath, Models, ModelsQuery, RetrainBody, RetrainHeader
from common.api.serialize_forecasts import job_json, models_json
from common.api.validation import shortened
from common.domain.cities import find_city
from common.domain.errors import Fault, NotFound, Reused
from common.domain.messages import TRAIN

MODELS = Tag(name="Models", description="How they do, and their training")
api = Blueprint("models", abp_tags=[MODELS])


@api.get("/models/list", responses={200: Models, 404: Problem}, cache="data")
def models(query: ModelsQuery) -> dict[str, Any]:
    """All models that were trained, newest first, a page at a time."""
    filters = {
        "city": None if query.city is None else find_city(query.city).name,
        "family": query.family,
        "status": query.status,
        "target": query.target,
        "mode": query.mode,
    }
    with context.database.reading() as connection:
        total, page = models_json(
            connection, filters, limit=query.per_page, offset=(query.page - 1) * query.per_page
        )
    return Models.answer(
        page=query.page,
        per_page=query.per_page,
        pages=-(-total // query.per_page),
        total=total,
        simulated=context.simulated(),
        models=raw(page),
    )


@api.post(
    "/models/retrain/<city>",
    responses={202: Job, 404: Problem, 409: Problem, 413: Problem, 415: Problem},
    scope="retrain",
)
def retrain(path: CityPath, header: RetrainHeader, body: RetrainBody) -> Response:
    """Have a city's models trained anew; the answer names the job that does it.

    While a training of the city still waits, that one is meant. With `Idempotency-Key`, the same request again gives
    the same job for as long as it is known, at least a week.
    """
    city, key = path.city.name, header.idempotency_key
    order = body.model_dump(exclude_none=True)
    once = None
    if key is not None:
        caller = present(request.environ).caller
        digest = hashlib.sha256(msgspec.json.encode([city, order])).hexdigest()
        once = Once("" if caller is None else caller.name, key, digest)
    number = send_tracked(
        context.queue, context.database, context.clock, TRAIN, city, {"city": city, **order}, once
    )
    if number is None:
        sentence = "this Idempotency-Key came with another request before; choose another"
        allowed = "a key that was not used for another request"
        raise Reused(sentence, faults=(Fault("header", "Idempotency-Key", shortened(str(key)), allowed),))
    response = Response(_job(number), 202, content_type=JSON)
    response.headers["Location"] = f"{request.root_path}{BASE}/models/jobs/{number}"
    return response


@api.get("/models/jobs/<job>", responses={200: Job, 404: Problem})
def job(path: JobPath) -> Response:
    """How a training that was asked for does, and what came of it."""
    return Response(_job(path.job), content_type=JSON)


def _job(number: int) -> str:
    with context.database.reading() as connection:
        job = job_json(connection, number, TRAIN)
    if job is None:
        fault = Fault("parameter", "job", str(number), "the number of a job, as retrain gave it")
        raise NotFound(f"there is no job {number}, or it is over and forgotten", faults=(fault,))
    return job
