"""The providers of data: one module each, all of the shape of `common.sources.interface`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from common.config import KEYS
from common.domain.errors import ConfigError
from common.sources import cpcb, cpcb_feed, iqair, open_meteo, openaq, openweather, simulated, waqi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.sources.interface import Source

REGISTRY: Mapping[str, Source] = MappingProxyType(
    {
        module.SOURCE.name: module.SOURCE
        for module in (cpcb_feed, cpcb, open_meteo, openweather, openaq, waqi, iqair, simulated)
    }
)
"""Name → source, in the order in which they are asked."""

ONLY_BY_NAME = frozenset({simulated.SOURCE.name})
"""Never chosen unless VAYU_SOURCES names it: invented data must not slip in among the real."""


class Choice(Protocol):
    """The part of `common.config.Settings` that chooses sources."""

    @property
    def sources(self) -> tuple[str, ...] | None: ...

    @property
    def keys(self) -> Mapping[str, str]: ...


def enabled(settings: Choice) -> tuple[Source, ...]:
    """The sources that VAYU_SOURCES names; by default every one that needs no key or has one.

    Raises:
        ConfigError: when a name is unknown, or a named source lacks its key.
    """
    if settings.sources is None:
        return tuple(
            source
            for source in REGISTRY.values()
            if source.name not in ONLY_BY_NAME and (not source.key or source.name in settings.keys)
        )
    return tuple(_named(name, settings.keys) for name in dict.fromkeys(settings.sources))


def _named(name: str, keys: Mapping[str, str]) -> Source:
    source = REGISTRY.get(name)
    if source is None:
        raise ConfigError(f"VAYU_SOURCES names {name!r}, which is none of {', '.join(REGISTRY)}")
    if source.key and name not in keys:
        raise ConfigError(f"source {name} needs a key: set {KEYS[name]}, or take {name} out of VAYU_SOURCES")
    return source
