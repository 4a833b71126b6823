"""The ``vayu`` command: the functions' work by hand, and the whole product on one machine."""

from common.cli import backfill, backtest, data, dev, forecasting, keys, models, reproduce, status
from common.cli.main import main

__all__ = [
    "backfill",
    "backtest",
    "data",
    "dev",
    "forecasting",
    "keys",
    "main",
    "models",
    "reproduce",
    "status",
]
