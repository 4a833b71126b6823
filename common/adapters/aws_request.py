"""One signed request to a service of AWS that speaks JSON.

botocore takes a tenth of a second of processor time to load and boto3's client a quarter, at every cold start; all that
is needed of them is the signature.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import ssl
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_ATTEMPTS = 3
_WAIT_S = 0.2
_PASSING = 500
"""From this status on it is the service's own fault, and may pass; so may a 429."""


class Refused(Exception):
    """What the service says instead of an answer: the name of its error, or ``status`` and the number.

    The rest of what it said may tell an account's number, and is left out.
    """


class Credentials(NamedTuple):
    """Who asks."""

    key: str
    secret: str
    token: str | None


def ask(
    service: str,
    region: str,
    endpoint: str,
    action: str,
    body: Mapping[str, Any],
    *,
    version: str,
    timeout_s: float,
) -> dict[str, Any]:
    """The answer to an action such as ``AmazonSQS.SendMessage``; `version` is of the service's JSON: 1.0 or 1.1.

    What may pass is tried three times.

    Raises:
        Refused: when the service refuses, or nobody's credentials are found.
        OSError, ValueError: when it does not answer, or not in JSON.
    """
    found = _credentials()
    if found is None:
        raise Refused("no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    data = json.dumps(body).encode()
    headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": action}
    for attempt in range(_ATTEMPTS):
        # The real time, whatever clock the product goes by: AWS refuses what was signed at another.
        now = datetime.fromtimestamp(time.time(), UTC)
        signed_headers = signed(endpoint, headers, data, service, region, found, now=now)
        try:
            return _answer(endpoint, signed_headers, data, timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                if attempt == _ATTEMPTS - 1 or (error.code < _PASSING and error.code != 429):
                    raise Refused(_reason(error)) from None
        except OSError:
            if attempt == _ATTEMPTS - 1:
                raise
        time.sleep(_WAIT_S * 2**attempt * (0.5 + random.random() / 2))  # noqa: S311 - no secret
    raise AssertionError


def signed(
    endpoint: str,
    headers: Mapping[str, str],
    body: bytes,
    service: str,
    region: str,
    credentials: Credentials,
    *,
    now: datetime,
) -> dict[str, str]:
    """The headers of a POST by Signature Version 4, from those that it has, in small letters; `now` in UTC."""
    parts = urlsplit(endpoint)
    moment, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
    named = dict(headers) | {"host": parts.netloc, "x-amz-date": moment}
    if credentials.token:
        named["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(named))
    lines = [f"{name}:{named[name].strip()}" for name in sorted(named)]
    asked = "\n".join(["POST", parts.path or "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(asked.encode()).hexdigest()])
    key = f"AWS4{credentials.secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    by = f"Credential={credentials.key}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return named | {"authorization": f"AWS4-HMAC-SHA256 {by}"}


def _credentials() -> Credentials | None:
    """Those of the environment, where Lambda puts a role's; else those of a profile or of an instance."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN"))
    import botocore.session  # type: ignore[import-untyped,unused-ignore]

    found = botocore.session.get_session().get_credentials()
    return Credentials(*found.get_frozen_credentials()) if found else None


def _answer(endpoint: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> dict[str, Any]:
    asked = urllib.request.Request(endpoint, body, dict(headers), method="POST")  # noqa: S310 - ours
    with _opener(tls=endpoint.startswith("https:")).open(asked, timeout=timeout_s) as answer:
        found = json.load(answer)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - as json.load does
    return found


@cache
def _opener(*, tls: bool) -> urllib.request.OpenerDirector:
    """What opens addresses, through a proxy where the environment names one.

    `urlopen` reads the system's authorities anew for each request, and even where no TLS is spoken.
    """
    opener = urllib.request.OpenerDirector()
    handlers = [
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPErrorProcessor(),
    ]
    if tls:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    for handler in (*handlers, urllib.request.HTTPDefaultErrorHandler()):
        opener.add_handler(handler)
    return opener


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        kind = str(json.load(error)["__type"]).rpartition("#")[2]
    except (OSError, ValueError, LookupError, TypeError):
        kind = ""
    return kind if kind.isalnum() else f"status {error.code}"
