"""Settings that are secret, read at the start of a process from where the platform keeps them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from common.adapters.aws.client import client, reason
from common.domain.errors import ConfigError

_AWS = re.compile(r"(secretsmanager|ssm)://([a-z]{2}(?:-[a-z]+)+-\d)/(.+)")


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
        settings = json.loads(text)
    except ValueError:  # not chained: the error holds the text
        settings = None
    if not isinstance(settings, dict) or not all(isinstance(value, str) for value in settings.values()):
        raise ConfigError(
            'the secret of VAYU_SECRETS must be a JSON object of texts: {"DATABASE_URL": "postgresql://…"}'
        )
    return settings


def _from_aws(service: str, region: str, name: str) -> str:
    """What Secrets Manager or the Parameter Store keeps under the name."""
    aws_client = client(service, region)
    from aws_lambda_powertools.utilities import parameters
    from botocore.exceptions import ClientError, NoCredentialsError

    try:
        if service == "secretsmanager":
            return str(parameters.SecretsProvider(boto3_client=aws_client).get(name))
        path = f"/{name}" if "/" in name and not name.startswith("/") else name
        return str(parameters.SSMProvider(boto3_client=aws_client).get(path, decrypt=True))
    except parameters.GetParameterError as error:
        cause = error.__context__  # its own text holds all that AWS said
        if isinstance(cause, ClientError | NoCredentialsError):
            raise ConfigError(f"VAYU_SECRETS: {name} of {service} cannot be read: {reason(cause)}") from None
        raise ConfigError(f"VAYU_SECRETS: {service} in {region} does not answer") from cause
