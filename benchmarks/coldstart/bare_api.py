"""The least that answers HTTP on Lambda with the packages that ours imports; laid out beside nothing but these."""

import flask_openapi3  # noqa: F401 - with pydantic
import pg8000.native  # noqa: F401
import serverless_wsgi
import sqlalchemy.dialects.postgresql.pg8000  # noqa: F401 - as ours does
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters  # noqa: F401 - with boto3
from flask import Flask

app = Flask(__name__)
log = Logger(service="bare")


@app.get("/")
def greet() -> str:
    """Answer."""
    return "hello"


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """What Lambda calls."""
    answer: dict[str, object] = serverless_wsgi.handle_request(app, event, context)
    return answer
