"""The function ``api``: the Flask application over the store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from common.alerts.cap import Publisher
from common.api import ApiContext, create_app
from common.api.context import Policy
from common.api.middleware.rate_limit import KINDS, Rate
from common.bootstrap.container import assemble
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from common.config import Settings
    from common.ports import PublishedFiles
    from common.services.resources import Resources

_CONNECTIONS = 4


def build(resources: Resources | None = None) -> Flask:
    """The application; it connects at its first request."""
    # Whoever waits for an answer gives up long before the minute that other functions may take.
    resources = resources or assemble(
        pool_size=_CONNECTIONS, writers=1, statement_timeout_s=15, connect_timeout_s=5
    )
    return create_app(
        ApiContext(
            database=resources.database,
            clock=resources.clock,
            queue=resources.queue,
            policy=policy(resources.settings),
            open_object_store=_read_by_boto3(resources.settings.model_store_url)
            or resources.open_object_store,
            open_archive=_read_by_boto3(resources.settings.archive_url) or _whole(resources.open_archive),
            replica=_replica(resources.settings),
            alert_channels=resources.alert_channels,
            seal=resources.seal,
            publisher=publisher(resources.settings),
        )
    )


def _replica(settings: Settings) -> Database | None:
    url = settings.database_read_url
    if url is None:
        return None
    readers = max((settings.database_connections or _CONNECTIONS) - 1, 1)
    # A copy that is lost is not waited for long: the database itself has the same rows.
    return Database(url, pool_size=1, readers=readers, statement_timeout_s=15, connect_timeout_s=2)


def _read_by_boto3(url: str | None) -> Callable[[], PublishedFiles] | None:
    """Files of a bucket on AWS: by boto3, which Lambda has, so that obstore is no part of the function."""
    if url is None or not url.startswith("s3://"):
        return None

    def open_bucket() -> PublishedFiles:
        from common.adapters.aws.files import S3Files

        return S3Files(url)

    return open_bucket


def _whole(open_archive: Callable[[str], PublishedFiles] | None) -> Callable[[], PublishedFiles] | None:
    return None if open_archive is None else partial(open_archive, "")


def policy(settings: Settings) -> Policy:
    """What the settings decide of access and of what is kept."""
    return Policy(
        reads_need_token=settings.api_reads == "token",
        rates={kind: Rate(*settings.rates[kind]) for kind in KINDS if kind in settings.rates},
        trusted_proxies=settings.trusted_proxies,
        proxy_token=settings.proxy_token,
        origins=settings.cors_origins,
        cache_bytes=settings.cache_mb * 1024 * 1024,
        redis_url=settings.redis_url,
        dashboard=settings.dashboard,
        live_url=settings.live_url,
    )


def publisher(settings: Settings) -> Publisher:
    """In whose name public alerts are published."""
    return Publisher(settings.cap_sender, settings.public_url, actual=settings.cap_actual)
