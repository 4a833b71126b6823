"""Settings that are secret, read at the start of a process from where the platform keeps them."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from common.domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_S = 10.0
_AWS = re.compile(r"(secretsmanager|ssm)://([a-z]{2}(?:-[a-z]+)+-\d)/(.+)")
_ASKED = {
    "secretsmanager": ("secretsmanager.GetSecretValue", "SecretId", ("SecretString",)),
    "ssm": ("AmazonSSM.GetParameter", "Name", ("Parameter", "Value")),
}
"""Service → its action, what names the secret, where the answer holds it"""


def read_secrets(url: str) -> dict[str, str]:
    """Name of a setting → its text, from a JSON object at ``secretsmanager://region/name``, ``ssm://region/name``
    (a SecureString) or ``file:///path``.

    Raises:
        ConfigError: when the address is none of these, nothing can be read there, or it is no such object. The text
            never holds what was read.
    """
    if match := _AWS.fullmatch(url):
        text = _from_aws(*match.groups())
    elif url.startswith("file:///"):
        try:
            text = Path(unquote(urlsplit(url).path)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"VAYU_SECRETS: {url} cannot be read") from error
    else:
        raise ConfigError(
            "VAYU_SECRETS must look like secretsmanager://ap-south-1/vayu/prod, ssm://ap-south-1/vayu/prod or "
            f"file:///run/secrets/vayu.json, not {url[:60]!r}"
        )
    return _settings(text)


def _settings(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:  # not chained: the error holds the text
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ConfigError(
            'the secret of VAYU_SECRETS must be a JSON object of texts: {"DATABASE_URL": "postgresql://…"}'
        )
    return found


def _from_aws(service: str, region: str, name: str) -> str:
    """What a service keeps; asked by one signed request, for boto3's client takes 0.2 s of each cold start."""
    from botocore.auth import SigV4Auth  # type: ignore[import-untyped,unused-ignore]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped,unused-ignore]
    from botocore.credentials import EnvProvider  # type: ignore[import-untyped,unused-ignore]

    action, key, where = _ASKED[service]
    credentials = EnvProvider().load() or _credentials()
    if credentials is None:
        raise ConfigError("VAYU_SECRETS: no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if service == "ssm":
        name = f"/{name}" if "/" in name and not name.startswith("/") else name
        body = {key: name, "WithDecryption": True}
    else:
        body = {key: name}
    request = AWSRequest(
        "POST",
        _endpoint(service, region, os.environ),
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": action},
    )
    SigV4Auth(credentials, service, region).add_auth(request)
    ready = request.prepare()
    asked = urllib.request.Request(ready.url, ready.body, dict(ready.headers), method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - an address of AWS
            found = json.load(answer)
        for part in where:
            found = found[part]
    except urllib.error.HTTPError as error:
        with error:
            raise ConfigError(f"VAYU_SECRETS: {name} of {service} cannot be read: {_reason(error)}") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"VAYU_SECRETS: {service} in {region} does not answer") from error
    return str(found)


def _credentials() -> object | None:
    """Those of a profile or of an instance, off Lambda."""
    import botocore.session  # type: ignore[import-untyped,unused-ignore]

    return botocore.session.get_session().get_credentials()  # type: ignore[no-any-return,unused-ignore]


def _endpoint(service: str, region: str, environment: Mapping[str, str]) -> str:
    """AWS_ENDPOINT_URL puts a stand-in in the place of AWS, as it does for boto3."""
    usual = f"https://{service}.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    return environment.get("AWS_ENDPOINT_URL", usual).rstrip("/") + "/"


def _reason(error: urllib.error.HTTPError) -> str:
    """The name of the error; the rest of the answer may tell an account's number."""
    try:
        kind = str(json.load(error)["__type"]).rpartition("#")[2]
    except (ValueError, LookupError, TypeError):
        kind = ""
    return kind if kind.isalnum() else f"status {error.code}"
