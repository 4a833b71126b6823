"""What the names of CPCB's files say: city and station, and for official AQI tables year and month."""

from __future__ import annotations

import re
from dataclasses import dataclass

from common.domain.cities import City, find_city
from common.domain.errors import DataError, NotFound
from common.domain.station_names import city_part
from common.ingest.files.columns import plain

_ENDINGS = re.compile(r"(?:\s*\(\d+\))?(?:\.(?:csv|xlsx?|txt|html?|gz|zip))*$", re.IGNORECASE)
_EXPORT = re.compile(
    r"(?:raw_data_)?\d+(?:min|hr?)_(?P<year>\d{4})_site_\d+_(?P<name>.+?)(?:_\d+(?:min|hr?))?", re.IGNORECASE
)
_OFFICIAL = re.compile(
    r"aqi_hourly_(?P<level>city|station)_level_+(?P<name>.*?)_*(?P<year>\d{4})_(?P<month>[a-z]{3,9})"
    r"(?:_(?P<place>[^\d]+?)(?:_[a-z]+)?_\d{4})?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class OfficialName:
    """``AQI_hourly_city_level_mumbai_2024_January.xlsx``; `station` is None in a city's table, empty where the name
    lacks it."""

    year: int
    month: int
    city: str
    station: str | None


def is_city(written: str, city: City) -> bool | None:
    """Whether a name is that of `city`, as we or CPCB spell it; None where it is none of the 56."""
    try:
        return find_city(written) == city
    except NotFound:
        return True if plain(written) in {plain(name) for _, name in city.cpcb} else None


def check_city(table: str, written: str, city: City) -> None:
    """Refuse a file that says it is of another city.

    Raises:
        DataError: when `written` is another of the 56 cities.
    """
    if is_city(written, city) is False:
        raise DataError(
            f"{table}: this is data of {find_city(written).name}, not of {city.name}; give the right --city"
        )


def check_place(table: str, written: str, city: City) -> None:
    """Refuse a file whose name has a city's place and another name there than that of `city`.

    Raises:
        DataError: when `written` is another city, of the 56 or not.
    """
    check_city(table, written, city)
    if written and is_city(written, city) is None:
        raise DataError(
            f"{table}: the file's name says {written!r}, which is not {city.name}; give the right --city, or --station "
            "if the name is wrong"
        )


def check_station(table: str, station: str, city: City) -> None:
    """Refuse a station whose name has another city in it.

    Raises:
        DataError: when the name of the station says another of the 56 cities.
    """
    for part in city_part(station):
        check_city(table, part, city)


def year_of_export(file: str) -> int | None:
    """The year in the name of an export; None where the name has another form."""
    match = _EXPORT.fullmatch(_ENDINGS.sub("", file))
    return int(match["year"]) if match else None


def station_of_export(file: str, city: City, *, sure: bool = False) -> str | None:
    """``Raw_data_15Min_2025_site_134_Police_Commissionerate_Jaipur_RSPCB_15Min.csv`` →
    ``Police Commissionerate, Jaipur - RSPCB``; None where the name has another form.

    Raises:
        DataError: when the name says another of the 56 cities, or, unless `sure`, a place that is none of them.
    """
    match = _EXPORT.fullmatch(_ENDINGS.sub("", file))
    words = match["name"].split("_") if match else []
    if len(words) < 2:
        return None
    has_board = _city_words(words, city) is None
    names = words[:-1] if has_board else words
    count = _city_words(names, city)
    place = " ".join(names[-(count or 1) :])
    (check_city if sure else check_place)(file, place, city)
    where = f"{place} - {words[-1]}" if has_board else place
    count = count or 1
    return f"{' '.join(names[:-count])}, {where}" if len(names) > count else where


def _city_words(words: list[str], city: City) -> int | None:
    """How many words at the end are the name of one of the 56 cities."""
    return next((n for n in (3, 2, 1) if is_city(" ".join(words[-n:]), city) is not None), None)


def official_name(file: str) -> OfficialName | None:
    """What the name of an official AQI table says; None where it has another form.

    A table that calls itself a city's and names a station is the station's.
    """
    match = _OFFICIAL.fullmatch(_ENDINGS.sub("", file))
    if match is None or match["month"][:3].lower() not in _MONTHS:
        return None
    name = match["name"].replace("_", " ").strip()
    place = (match["place"] or "").replace("_", " ").strip()
    is_station = match["level"].lower() == "station" or "," in name or " - " in name
    if name and place and not _is_known(name) and _is_known(place):
        is_station = True
    named_city = next(iter(city_part(name)), "") if is_station else name
    return OfficialName(
        year=int(match["year"]),
        month=_MONTHS.index(match["month"][:3].lower()) + 1,
        city=(place or named_city) if is_station else (named_city or place),
        station=_cased(name) if is_station else None,
    )


def _is_known(name: str) -> bool:
    try:
        find_city(name)
    except NotFound:
        return False
    return True


def _cased(name: str) -> str:
    """``anand vihar, delhi - dpcc`` → ``Anand Vihar, Delhi - DPCC``."""
    place, dash, board = name.rpartition(" - ")
    return f"{place.title()}{dash}{board.upper()}" if dash else name.title()
