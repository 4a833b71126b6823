"""The ``vayu`` command: the functions' work by hand, and the whole product on one machine."""

from common.cli import (
    alerts,
    archive,
    backfill,
    backtest,
    backups,
    data,
    dev,
    forecasting,
    keys,
    live,
    mcp,
    models,
    reproduce,
    serve,
    status,
    work,
)
from common.cli.main import main

__all__ = [
    "alerts",
    "archive",
    "backfill",
    "backtest",
    "backups",
    "data",
    "dev",
    "forecasting",
    "keys",
    "live",
    "main",
    "mcp",
    "models",
    "reproduce",
    "serve",
    "status",
    "work",
]
