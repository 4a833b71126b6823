"""The function ``api``: the Flask application over the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.api import ApiContext, create_app
from common.api.context import Policy
from common.api.middleware.rate_limit import KINDS, Rate
from common.bootstrap.container import assemble

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from common.config import Settings
    from common.ports import PublishedFiles
    from common.services.resources import Resources


def build(resources: Resources | None = None) -> Flask:
    """The application; it connects at its first request."""
    # Whoever waits for an answer gives up long before the minute that other functions may take.
    resources = resources or assemble(pool_size=4, writers=1, statement_timeout_s=15, connect_timeout_s=5)
    return create_app(
        ApiContext(
            database=resources.database,
            clock=resources.clock,
            queue=resources.queue,
            policy=policy(resources.settings),
            open_object_store=_open_files(resources),
        )
    )


def _open_files(resources: Resources) -> Callable[[], PublishedFiles]:
    """The models' files: on AWS by boto3, which Lambda has, so that obstore is no part of the function."""
    url = resources.settings.model_store_url
    if not url.startswith("s3://"):
        return resources.open_object_store

    def open_bucket() -> PublishedFiles:
        from common.adapters.aws.files import S3Files

        return S3Files(url)

    return open_bucket


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
    )
