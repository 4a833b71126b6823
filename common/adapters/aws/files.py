"""Files of a bucket as the API gives them away, by boto3: Lambda has it; obstore would add 6 MB to the artefact."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from common.adapters.aws.client import client, reason
from common.domain.errors import NotFound, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
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
        with self._translated(key) as where:
            content: bytes = self._client.get_object(**where)["Body"].read()
        return content

    def size(self, key: str) -> int:
        """How many bytes there are under `key`; raises NotFound and StoreError as `get` does."""
        with self._translated(key) as where:
            size: int = self._client.head_object(**where)["ContentLength"]
        return size

    def get_range(self, key: str, start: int, end: int) -> bytes:
        """Those bytes from `start` to before `end`; raises NotFound and StoreError as `get` does."""
        with self._translated(key) as where:
            answer = self._client.get_object(**where, Range=f"bytes={start}-{end - 1}")
            content: bytes = answer["Body"].read()
        return content

    @contextmanager
    def _translated(self, key: str) -> Iterator[dict[str, str]]:
        """Where `key` is, as boto3 wants it."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield {"Bucket": self._bucket, "Key": self._prefix + key}
        except ClientError as error:
            # HEAD has no body that could name the error: its code is the status.
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                raise NotFound(f"{key} is not in {self._url}") from error
            raise StoreError(f"{key} in {self._url}: {reason(error)}") from error
        except BotoCoreError as error:
            raise StoreError(f"{key} in {self._url}: {reason(error)}") from error

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
