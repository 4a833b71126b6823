"""Google Pub/Sub as the queue, over its REST interface.

google-cloud-pubsub would bring gRPC and 46 MB, and takes half a second of processor time to load, for one POST.
google-auth finds the credentials, renews the token and asks again after a 401; requests and urllib3 retry.
"""

from __future__ import annotations

import base64
import uuid
import weakref
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from common.adapters.cloud_event import address, structured
from common.domain.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.auth.credentials import Credentials
    from google.auth.transport.requests import AuthorizedSession

    from common.ports import Clock

ENDPOINT = "https://pubsub.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/pubsub",)
_TIMEOUT_S = 10
_RETRIED = (429, 500, 502, 503, 504)


class PubSubQueue:
    """Publishes to ``projects/{project}/topics/{topic}``; without `credentials` by the function's service account."""

    in_database = False

    def __init__(
        self,
        project: str,
        topic: str,
        clock: Clock,
        *,
        endpoint: str = ENDPOINT,
        credentials: Credentials | None = None,
    ) -> None:
        self._topic = f"projects/{project}/topics/{topic}"
        self._clock = clock
        self._endpoint = endpoint
        self._credentials = credentials

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
            ConfigError: when google-auth is not installed.
            StoreError: when there are no credentials, or Pub/Sub cannot be reached or refuses.
        """
        try:
            from google.auth.exceptions import GoogleAuthError
            from requests import RequestException
        except ImportError as error:
            raise ConfigError(
                "Pub/Sub is asked through google-auth, which is not installed: pip install 'google-auth[requests]'"
            ) from error

        id_ = str(uuid.uuid4())
        body = structured(id_, type_, subject, data, now=self._clock())
        attributes = {"ce-id": id_, "ce-type": type_} | ({"ce-subject": subject} if subject else {})
        message: dict[str, Any] = {"data": base64.b64encode(body.encode()).decode(), "attributes": attributes}
        topic = address(self._topic, type_)
        try:
            answer = self._session.post(
                f"{self._endpoint}/v1/{topic}:publish", json={"messages": [message]}, timeout=_TIMEOUT_S
            )
        except GoogleAuthError as error:
            raise StoreError(f"no credentials of Google for {topic}: {type(error).__name__}") from error
        except RequestException as error:
            raise StoreError(f"the queue {topic} cannot be reached") from error
        if not answer.ok:
            raise StoreError(
                f"{self._endpoint.partition('://')[2]} answered {answer.status_code} for {topic}"
            )
        return id_

    @cached_property
    def _session(self) -> AuthorizedSession:
        import google.auth
        from google.auth.transport.requests import AuthorizedSession
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        session = AuthorizedSession(self._credentials or google.auth.default(scopes=_SCOPES)[0])
        retry = Retry(
            total=2,
            allowed_methods=None,  # publishing twice does no harm
            status_forcelist=_RETRIED,
            backoff_factor=0.2,
            backoff_jitter=0.2,
            raise_on_status=False,
        )
        session.mount(self._endpoint, HTTPAdapter(max_retries=retry))
        weakref.finalize(self, session.close)
        return session
