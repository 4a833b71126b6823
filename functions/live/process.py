"""Live connections as a process, where a platform runs containers and holds no sockets: Cloud Run."""

from common.bootstrap.container import environment_settings, system_clock
from common.bootstrap.live_process import run_live
from common.domain.errors import ConfigError
from common.entry import loading

loading.end()


def main() -> None:
    """Serve at PORT until told to stop.

    Raises:
        ConfigError: when no database is named.
    """
    settings = environment_settings()
    if settings.database_url is None:
        raise ConfigError("DATABASE_URL is not set; live connections follow the events of a database")
    run_live(settings, system_clock, host="0.0.0.0", port=settings.port)  # noqa: S104 — the platform's proxy is outside


if __name__ == "__main__":
    main()
