"""Blueprints of flask-openapi3, as this API needs them: `Blueprint.get`, `Blueprint.post` … declare an endpoint.

flask-openapi3 finds an endpoint's models in its signature and describes it in OpenAPI. Three things are done here
instead of by the library, in version 4.3:

* Inputs are read by `common.api.validation`. The library takes the first of two values of a parameter in silence, reads
  a body of any content type, and makes the JSON schema of the query anew for every request.
* The description is made when somebody asks for it. The library makes it at import, which costs a cold start 0.1 s.
* Each endpoint says who may call it and how long its answer holds, which the middleware must know before Flask does.
"""

import re
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Literal, NamedTuple

from flask import Response, request
from flask_openapi3 import APIBlueprint
from flask_openapi3.types import ParametersTuple, ResponseDict
from flask_openapi3.utils import parse_parameters
from pydantic import BaseModel

from common.api.schemas import Body, Parameters
from common.api.validation import read_body, read_header, read_path, read_query

BASE = "/api/v1"
JSON = "application/json"

Scope = Literal["read", "retrain", "alerts", "admin"]
CachePolicy = Literal["data", "minute", "never"]
View = Callable[..., Any]


class Endpoint(NamedTuple):
    """One endpoint, as the middleware sees it."""

    name: str
    """Flask's name of it."""
    method: str
    path: str
    """Below `BASE`, with ``{city}`` for a city, ``{job}`` for the number of a job."""
    scope: Scope | None
    """What a token must allow; ``read`` needs none unless reads are closed. None: open to everyone, always."""
    cache: CachePolicy
    """How long an answer holds: ``data``, as long as the data and the hour are the same; ``minute``, for the
    present minute besides."""
    query: type[Parameters] | None
    body: type[Body] | None
    responses: ResponseDict
    documented: bool
    by_strangers: bool = False
    """Whether it may be called without a token as well; it then decides itself what is allowed"""

    @property
    def cached_by_clients(self) -> bool:
        """Whether clients may keep its answers, and ask whether they still hold."""
        return self.cache != "never" and self.method == "GET"

    @property
    def answer(self) -> type[BaseModel] | None:
        """Model of the body of a success; None where it is no JSON of ours."""
        model = self.responses[self.status]
        return model if isinstance(model, type) else None

    @property
    def status(self) -> int:
        """Of a success."""
        return next(status for status in self.responses if isinstance(status, int) and status < 400)

    @property
    def media(self) -> tuple[str, ...]:
        """What it can answer with; the first is what it answers with by itself."""
        response = self.responses[self.status]
        if isinstance(response, dict):
            return tuple(response.get("content", ()))
        extra: Any = (response.model_config if response else {}).get("openapi_extra", {})
        return JSON, *extra.get("content", ())


class Blueprint(APIBlueprint):
    """Endpoints that belong together."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, __name__, **options)
        self.endpoints: list[Endpoint] = []
        self._policies: dict[View, tuple[Scope | None, CachePolicy, bool]] = {}
        self._descriptions: list[Callable[[], object]] = []

    def get(  # type: ignore[override]
        self, rule: str, *, scope: Scope | None = "read", cache: CachePolicy = "never", **declared: Any
    ) -> Callable[[View], View]:
        """Declare what a GET of that address does: by the function, and by what it says of its arguments.

        It may have the arguments ``path``, ``query``, ``header`` and ``body``, whose annotations are the models that
        they are read by. It returns a dict, which is written as JSON, or a whole response. Its docstring describes it:
        the first line in short, the rest at length. `declared`: see flask-openapi3.
        """
        return self._with_policy((scope, cache, False), super().get(rule, **declared))

    def post(  # type: ignore[override]
        self,
        rule: str,
        *,
        scope: Scope | None = "read",
        cache: CachePolicy = "never",
        by_strangers: bool = False,
        **declared: Any,
    ) -> Callable[[View], View]:
        """Declare what a POST to that address does: see `get`. What is cached here is cached by no client.

        `by_strangers`: who has no token may call it, too.
        """
        return self._with_policy((scope, cache, by_strangers), super().post(rule, **declared))

    def patch(  # type: ignore[override]
        self, rule: str, *, scope: Scope, **declared: Any
    ) -> Callable[[View], View]:
        """Declare what a PATCH of that address does: see `get`."""
        return self._with_policy((scope, "never", False), super().patch(rule, **declared))

    def delete(  # type: ignore[override]
        self, rule: str, *, scope: Scope, **declared: Any
    ) -> Callable[[View], View]:
        """Declare what a DELETE of that address does: see `get`."""
        return self._with_policy((scope, "never", False), super().delete(rule, **declared))

    def describe(self) -> None:
        """Make the description of all endpoints, once."""
        while self._descriptions:
            self._descriptions.pop(0)()

    def _with_policy(
        self, policy: tuple[Scope | None, CachePolicy, bool], register: Callable[[View], View]
    ) -> Callable[[View], View]:
        def decorate(function: View) -> View:
            self._policies[function] = policy
            return register(function)

        return decorate

    def _collect_openapi_info(self, rule: str, func: View, **declared: Any) -> ParametersTuple:
        models: Any = parse_parameters(func, doc_ui=False)
        scope, cache, by_strangers = self._policies[func]
        self.endpoints.append(
            Endpoint(
                name=f"{self.name}.{func.__name__}",
                method=declared["method"].value,
                path=_without_converters(rule),
                scope=scope,
                cache=cache,
                query=models[3],
                body=models[5],
                responses=declared["responses"],
                documented=declared["doc_ui"],
                by_strangers=by_strangers,
            )
        )
        self._descriptions.append(partial(super()._collect_openapi_info, rule, func, **declared))
        return models  # type: ignore[no-any-return]

    @staticmethod
    def create_view_func(  # type: ignore[override]
        func: View,
        header: Any,
        _cookie: Any,
        path: Any,
        query: Any,
        _form: Any,
        body: Any,
        *_: Any,
        **__: Any,
    ) -> View:
        """The view of Flask that reads the arguments and calls the function with them."""

        @wraps(func)
        def view(**parts: str) -> Response | dict[str, Any]:
            arguments: dict[str, Any] = {}
            parameters = read_query(query, dict(request.args.lists()))
            if query is not None:
                arguments["query"] = parameters
            if path is not None:
                arguments["path"] = read_path(path, parts)
            if header is not None:
                arguments["header"] = read_header(header, dict(request.headers))
            if body is not None:
                arguments["body"] = read_body(body, request.mimetype, request.get_data)
            return func(**arguments)  # type: ignore[no-any-return]

        return view


def _without_converters(rule: str) -> str:
    """``/forecast/<not_batch:city>`` → ``/forecast/{city}``."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
