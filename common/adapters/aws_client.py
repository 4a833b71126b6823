"""How AWS is asked: limits of time, retries, and what is told of an error. boto3 comes with Lambda's runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.domain.errors import ConfigError

if TYPE_CHECKING:
    from botocore.config import Config


def client_config(region: str) -> Config:
    """The configuration of a client: each of three attempts may take 10 s; throttling is retried, too.

    Raises:
        ConfigError: when boto3 is not installed.
    """
    try:
        import boto3  # noqa: F401 - takes a quarter of a second: only who asks AWS loads it
        from botocore.config import Config
    except ImportError as error:
        raise ConfigError("AWS is asked through boto3, which is not installed: pip install boto3") from error
    return Config(
        region_name=region,
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
    )


def reason(error: BaseException | None) -> str:
    """The name of AWS's error, or that of the library's. The rest may tell an account's number, and is left out."""
    from botocore.exceptions import ClientError, NoCredentialsError

    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code") or "an error without a name")
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return type(error).__name__
