"""Settings that are secret, read at the start of a process from where the platform keeps them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from common.adapters.aws_request import Refused, ask
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
    """What a service keeps."""
    action, key, where = _ASKED[service]
    if service == "ssm":
        name = f"/{name}" if "/" in name and not name.startswith("/") else name
        body = {key: name, "WithDecryption": True}
    else:
        body = {key: name}
    endpoint = _endpoint(service, region, os.environ)
    try:
        found: Any = ask(service, region, endpoint, action, body, version="1.1", timeout_s=_TIMEOUT_S)
        for part in where:
            found = found[part]
    except Refused as error:
        raise ConfigError(f"VAYU_SECRETS: {name} of {service} cannot be read: {error}") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"VAYU_SECRETS: {service} in {region} does not answer") from error
    return str(found)


def _endpoint(service: str, region: str, environment: Mapping[str, str]) -> str:
    """AWS_ENDPOINT_URL puts a stand-in in the place of AWS, as it does for boto3."""
    usual = f"https://{service}.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    return environment.get("AWS_ENDPOINT_URL", usual).rstrip("/") + "/"
