"""Google Pub/Sub as the queue, over its REST interface: the client library weighs more than a function."""

from __future__ import annotations

import base64
import uuid
import weakref
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import stamina

from common.adapters.cloud_event import address, structured
from common.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.observation import Clock

ENDPOINT = "https://pubsub.googleapis.com"
METADATA = "http://metadata.google.internal"
_TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 — an address


def _may_pass(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


class PubSubQueue:
    """Publishes to ``projects/{project}/topics/{topic}``; without a `metadata` server, no token is sent."""

    def __init__(
        self,
        project: str,
        topic: str,
        clock: Clock,
        *,
        endpoint: str = ENDPOINT,
        metadata: str | None = METADATA,
    ) -> None:
        self._topic = f"projects/{project}/topics/{topic}"
        self._clock = clock
        self._endpoint = endpoint
        self._metadata = metadata
        self._token: tuple[str, datetime] | None = None

    def send(
        self,
        type_: str,
        subject: str,
        data: Mapping[str, Any],
        *,
        delay: timedelta = timedelta(0),  # noqa: ARG002 — Pub/Sub delivers at once; it knows no delay
    ) -> str:
        """Publish a message; returns its CloudEvents id. Pub/Sub has no delay: it is delivered at once.

        Raises:
            StoreError: when Pub/Sub or the metadata server cannot be reached or refuses.
        """
        id_ = str(uuid.uuid4())
        body = structured(id_, type_, subject, data, now=self._clock())
        attributes = {"ce-id": id_, "ce-type": type_} | ({"ce-subject": subject} if subject else {})
        message = {"data": base64.b64encode(body.encode()).decode(), "attributes": attributes}
        topic = address(self._topic, type_)
        try:
            self._publish(topic, message)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            raise StoreError(f"{error.request.url.host} answered {status} for {topic}") from error
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise StoreError(f"the queue {topic} cannot be reached") from error
        return id_

    @stamina.retry(on=_may_pass, attempts=3, timeout=20, wait_initial=0.2, wait_jitter=0.2)
    def _publish(self, topic: str, message: Mapping[str, Any]) -> None:
        self._http.post(
            f"{self._endpoint}/v1/{topic}:publish",
            json={"messages": [message]},
            headers={"Authorization": f"Bearer {self._bearer(self._metadata)}"} if self._metadata else {},
        ).raise_for_status()

    def _bearer(self, metadata: str) -> str:
        """The service account's token, kept until a minute before it ends."""
        now = self._clock()
        if self._token is None or self._token[1] <= now:
            answer = self._http.get(metadata + _TOKEN_PATH, headers={"Metadata-Flavor": "Google"})
            given = answer.raise_for_status().json()
            self._token = given["access_token"], now + timedelta(seconds=int(given["expires_in"]) - 60)
        return self._token[0]

    @cached_property
    def _http(self) -> httpx.Client:
        client = httpx.Client(timeout=10)
        weakref.finalize(self, client.close)
        return client
