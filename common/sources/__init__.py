"""The providers of data: one module each, all of the shape of `common.sources.interface`.

A module of this folder that has a `SOURCE` is a provider; nothing else needs to name it.
"""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from common.domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from common.sources.interface import Source

_SHARED = frozenset({"http", "interface", "template"})
"""Modules that are no provider's."""


def _declared() -> Iterator[Source]:
    for module in pkgutil.iter_modules(__path__):
        if module.name not in _SHARED:
            source: Source = import_module(f"{__name__}.{module.name}").SOURCE
            yield source


REGISTRY: Mapping[str, Source] = MappingProxyType(
    {
        source.name: source
        for source in sorted(_declared(), key=lambda source: (source.invented, bool(source.key), source.name))
    }
)
"""Name → source: those that need no key, those that need one, and the invented data last."""

KEYS: Mapping[str, str] = MappingProxyType(
    {source.name: source.key for source in REGISTRY.values() if source.key}
)
"""Source → the setting that holds its key."""

BASE_URLS: Mapping[str, str] = MappingProxyType(
    {setting: url for source in REGISTRY.values() for setting, url in source.base_urls.items()}
)
"""Setting → where a provider is asked; a stand-in takes its place by setting the same name."""


class Choice(Protocol):
    """The part of `common.config.Settings` that is about sources."""

    @property
    def sources(self) -> tuple[str, ...] | None: ...

    @property
    def source_settings(self) -> Mapping[str, str]: ...


def enabled(settings: Choice) -> tuple[Source, ...]:
    """The sources that VAYU_SOURCES names; by default every one that needs no key or has one.

    Raises:
        ConfigError: when a name is unknown, or a named source lacks its key.
    """
    given = keys(settings)
    if settings.sources is None:
        return tuple(
            source
            for source in REGISTRY.values()
            if not source.invented and (not source.key or source.name in given)
        )
    return tuple(_named(name, given) for name in dict.fromkeys(settings.sources))


def keys(settings: Choice) -> dict[str, str]:
    """Source → its key, where it has one."""
    given = settings.source_settings
    return {source: given[setting] for source, setting in KEYS.items() if setting in given}


def base_urls(settings: Choice) -> dict[str, str]:
    """`BASE_URLS` with the addresses that the settings put in their place.

    Raises:
        ConfigError: when one is no address of a provider.
    """
    addresses = {setting: settings.source_settings.get(setting, url) for setting, url in BASE_URLS.items()}
    for setting, url in addresses.items():
        if not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", url):
            raise ConfigError(f"{setting} must be the address of a provider, such as {BASE_URLS[setting]}")
    return addresses


def _named(name: str, given: Mapping[str, str]) -> Source:
    source = REGISTRY.get(name)
    if source is None:
        raise ConfigError(f"VAYU_SOURCES names {name!r}, which is none of {', '.join(REGISTRY)}")
    if source.key and name not in given:
        raise ConfigError(f"source {name} needs a key: set {source.key}, or take {name} out of VAYU_SOURCES")
    return source
