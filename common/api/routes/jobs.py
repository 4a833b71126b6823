"""Trainings by request, and how they do."""

import hashlib

import msgspec
from flask import Response, request
from msgspec import UNSET

from common.adapters.postgres.tracked_queue import Once, send_tracked
from common.api.context import ApiContext
from common.api.middleware.request_context import present
from common.api.route import BASE, JSON, Route
from common.api.schemas.jobs import Job, RetrainBody, RetrainHeaders
from common.domain.cities import City
from common.domain.errors import Fault, NotFound, Reused
from common.domain.messages import TRAIN
from common.store.reads.jobs import job_json


def retrain(context: ApiContext, *, city: City, headers: RetrainHeaders, body: RetrainBody) -> Response:
    """Have a city's models trained anew; the answer names the job that does it.

    While a training of the city still waits, that one is meant. With `Idempotency-Key`, the same request again gives
    the same job for as long as it is known, at least a week.
    """
    asked = {name: value for name, value in msgspec.to_builtins(body).items() if value is not UNSET}
    key = headers.idempotency_key
    once = (
        None
        if key is UNSET
        else Once(_client(), key, hashlib.sha256(msgspec.json.encode([city.name, asked])).hexdigest())
    )
    id_ = send_tracked(
        context.queue, context.database, context.clock, TRAIN, city.name, {"city": city.name, **asked}, once
    )
    if id_ is None:
        told = "this Idempotency-Key came with another request before; choose another"
        allowed = "a key that was not used for another request"
        raise Reused(told, faults=(Fault("header", "Idempotency-Key", str(key)[:40], allowed),))
    response = Response(_job(context, id_), 202, content_type=JSON)
    response.headers["Location"] = f"{request.root_path}{BASE}/models/jobs/{id_}"
    return response


def job(context: ApiContext, *, job: int) -> Response:
    """How a training that was asked for does, and what came of it."""
    return Response(_job(context, job), content_type=JSON)


def _client() -> str:
    caller = present(request.environ).caller
    return "" if caller is None else caller.name


def _job(context: ApiContext, id_: int) -> str:
    with context.database.reading() as connection:
        found = job_json(connection, id_, TRAIN)
    if found is None:
        fault = Fault("parameter", "job", str(id_), "the number of a job, as retrain gave it")
        raise NotFound(f"there is no job {id_}, or it is over and forgotten", faults=(fault,))
    return found


ROUTES = (
    Route(
        "POST",
        "/models/retrain/{city}",
        retrain,
        Job,
        body=RetrainBody,
        body_required=False,
        headers=RetrainHeaders,
        status=202,
        errors=(404, 409, 413, 415),
        scope="retrain",
        tag="Models",
    ),
    Route("GET", "/models/jobs/{job}", job, Job, errors=(404,), tag="Models"),
)
