"""The least that answers HTTP on Lambda with Flask; laid out beside nothing but its packages."""

import serverless_wsgi
from flask import Flask

app = Flask(__name__)


@app.get("/")
def greet() -> str:
    """Answer."""
    return "hello"


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """What Lambda calls."""
    answer: dict[str, object] = serverless_wsgi.handle_request(app, event, context)
    return answer
