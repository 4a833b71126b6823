"""Files of a bucket as the API gives them away, by boto3: Lambda has it; obstore would add 6 MB to the artefact."""

from __future__ import annotations

import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from common.adapters.aws.client import client, reason
from common.domain.errors import NotFound, StoreError

if TYPE_CHECKING:
    from datetime import timedelta


class S3Files:
    """Reads objects under ``s3://bucket/prefix``, with the function's own role."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")

    def get(self, key: str) -> bytes:
        """The bytes under `key`.

        Raises:
            NotFound: when there are none.
            StoreError: when the store cannot be reached or refuses.
        """
        s3 = self._client
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            content: bytes = s3.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read()
        except s3.exceptions.NoSuchKey as error:
            raise NotFound(f"{key} is not in {self._url}") from error
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"{key} in {self._url}: {reason(error)}") from error
        return content

    def signed_url(self, key: str, valid_for: timedelta) -> str | None:
        """An address from which anybody may get `key` for so long.

        Raises:
            StoreError: when there are no credentials to sign with.
        """
        s3 = self._client
        from botocore.exceptions import BotoCoreError

        try:
            address: str = s3.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": self._prefix + key},
                ExpiresIn=round(valid_for.total_seconds()),
            )
        except BotoCoreError as error:
            raise StoreError(f"{key} in {self._url}: {reason(error)}") from error
        return address

    @cached_property
    def _client(self) -> Any:
        made = client("s3")
        weakref.finalize(self, made.close)
        return made
