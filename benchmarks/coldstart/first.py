"""A fresh process that answers one request as Lambda asks it, and says what user CPU it has taken: WHAT PATH."""

from __future__ import annotations

import sys

EVENT = {
    "version": "2.0",
    "rawQueryString": "",
    "headers": {"host": "api.example.org", "accept": "application/json"},
    "isBase64Encoded": False,
}


def event(path: str) -> dict[str, object]:
    """A request as API Gateway hands it over."""
    http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
    return EVENT | {"rawPath": path, "requestContext": {"stage": "$default", "http": http}}


def hello(path: str) -> dict[str, object]:
    """Flask with one address behind serverless-wsgi."""
    import serverless_wsgi
    from flask import Flask

    app = Flask(__name__)

    @app.get("/")
    def greet() -> str:
        return "hello"

    answer: dict[str, object] = serverless_wsgi.handle_request(app, event(path), None)
    return answer


def vayu(path: str) -> dict[str, object]:
    """The function as it is deployed."""
    from functions.api.main import handler

    return handler(event(path), None)


def main() -> None:
    """Answer, then tell; what the process does after its answer does not count."""
    what, path = sys.argv[1:]
    answer = {"hello": hello, "vayu": vayu}[what](path)
    import json
    import resource

    took = resource.getrusage(resource.RUSAGE_SELF)
    told = {"user_s": took.ru_utime, "system_s": took.ru_stime, "memory_mb": took.ru_maxrss / 1024}
    sys.stderr.write(json.dumps(told | {"status": answer["statusCode"], "modules": len(sys.modules)}) + "\n")


if __name__ == "__main__":
    main()
