"""The ``vayu`` command: the functions' work by hand, and the whole product on one machine."""

from common.cli.main import main

main.modules = {
    "alerts": "common.cli.alerts",
    "backfill": "common.cli.backfill",
    "backtest": "common.cli.backtest",
    "backups": "common.cli.backups",
    "collect": "common.cli.data",
    "dev": "common.cli.dev",
    "export": "common.cli.archive",
    "forecast": "common.cli.forecasting",
    "import": "common.cli.data",
    "keys": "common.cli.keys",
    "live": "common.cli.live",
    "maintain": "common.cli.data",
    "mcp": "common.cli.mcp",
    "migrate": "common.cli.data",
    "models": "common.cli.models",
    "replay": "common.cli.forecasting",
    "reproduce": "common.cli.reproduce",
    "restore-record": "common.cli.archive",
    "schedule": "common.cli.work",
    "score": "common.cli.forecasting",
    "serve": "common.cli.serve",
    "status": "common.cli.status",
    "train": "common.cli.forecasting",
    "verify": "common.cli.archive",
    "work": "common.cli.work",
}

__all__ = ["main"]
