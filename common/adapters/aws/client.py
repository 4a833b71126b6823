"""How AWS is asked: limits of time, retries, and what is told of an error. boto3 comes with Lambda's runtime."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

from common.domain.errors import ConfigError

_making = Lock()
"""A session must not make clients for several threads at once."""


def client(
    service: str,
    region: str | None = None,
    endpoint_url: str | None = None,
    *,
    answer_s: int = 10,
    at_once: int = 10,
) -> Any:
    """boto3's client of a service: each of three attempts may take `answer_s`; throttling is retried, too.

    `at_once`: so many threads may use it without waiting for each other.

    Without a region, that of the environment counts. Addresses of S3 are signed by version 4, which every region takes.

    Raises:
        ConfigError: when boto3 is not installed.
    """
    try:
        from botocore.config import Config
    except ImportError as error:
        raise ConfigError("AWS is asked through boto3, which is not installed: pip install boto3") from error
    config = Config(
        region_name=region,
        connect_timeout=min(5, answer_s),
        read_timeout=answer_s,
        max_pool_connections=at_once,
        retries={"mode": "standard", "total_max_attempts": 3},
        signature_version="s3v4" if service == "s3" else None,
    )
    with _making:
        return _session().client(service, endpoint_url=endpoint_url, config=config)


@cache
def _session() -> Any:
    """One for all clients: each reads botocore's descriptions anew, which takes 80 ms of processor time."""
    from boto3.session import Session

    return Session()


def reason(error: BaseException | None) -> str:
    """The name of AWS's error, or that of the library's. The rest may tell an account's number, and is left out."""
    from botocore.exceptions import ClientError, NoCredentialsError

    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code") or "an error without a name")
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return type(error).__name__
