"""What the names of CPCB's files say: city and station, and for official AQI tables year and month."""

from __future__ import annotations

import re
from dataclasses import dataclass

from common.domain.cities import City, find_city
from common.domain.errors import DataError, NotFound

_ENDINGS = re.compile(r"(?:\s*\(\d+\))?(?:\.(?:csv|xlsx|txt|gz))*$", re.IGNORECASE)
_EXPORT = re.compile(
    r"(?:raw_data_)?\d+(?:min|hr?)_\d{4}_site_\d+_(?P<name>.+?)(?:_\d+(?:min|hr?))?", re.IGNORECASE
)
_OFFICIAL = re.compile(
    r"aqi_hourly_(?P<level>city|station)_level_+(?P<name>.*?)_*(?P<year>\d{4})_(?P<month>[a-z]{3,9})"
    r"(?:_(?P<place>[^\d]+?)(?:_[a-z]+)?_\d{4})?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class OfficialName:
    """``AQI_hourly_city_level_mumbai_2024_January.xlsx``; `station` is None in a city's table."""

    year: int
    month: int
    city: str
    station: str | None


def is_city(written: str, city: City) -> bool | None:
    """Whether a name is that of `city`; None where it is none of the 56."""
    try:
        return find_city(written) == city
    except NotFound:
        return None


def check_city(table: str, written: str, city: City) -> None:
    """Refuse a file that says it is of another city.

    Raises:
        DataError: when `written` is another of the 56 cities.
    """
    if is_city(written, city) is False:
        raise DataError(
            f"{table}: this is data of {find_city(written).name}, not of {city.name}; give the right --city"
        )


def station_of_export(file: str, city: City) -> str | None:
    """``Raw_data_15Min_2025_site_134_Police_Commissionerate_Jaipur_RSPCB_15Min.csv`` →
    ``Police Commissionerate, Jaipur - RSPCB``; None where the name has another form.

    Raises:
        DataError: when the name says another of the 56 cities.
    """
    match = _EXPORT.fullmatch(_ENDINGS.sub("", file))
    words = match["name"].split("_") if match else []
    if len(words) < 2:
        return None
    *names, board = words
    count = next((n for n in (3, 2, 1) if is_city(" ".join(names[-n:]), city) is not None), 1)
    place = " ".join(names[-count:])
    check_city(file, place, city)
    where = f"{place} - {board}"
    return f"{' '.join(names[:-count])}, {where}" if len(names) > count else where


def official_name(file: str) -> OfficialName | None:
    """What the name of an official AQI table says; None where it has another form."""
    match = _OFFICIAL.fullmatch(_ENDINGS.sub("", file))
    if match is None or match["month"][:3].lower() not in _MONTHS:
        return None
    name = match["name"].replace("_", " ").strip()
    is_station = match["level"].lower() == "station"
    return OfficialName(
        year=int(match["year"]),
        month=_MONTHS.index(match["month"][:3].lower()) + 1,
        city=(match["place"] or "").replace("_", " ").strip() if is_station or not name else name,
        station=_cased(name) if is_station else None,
    )


def _cased(name: str) -> str:
    """``anand vihar, delhi - dpcc`` → ``Anand Vihar, Delhi - DPCC``."""
    place, dash, board = name.rpartition(" - ")
    return f"{place.title()}{dash}{board.upper()}" if dash else name.title()
