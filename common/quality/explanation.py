"""The short form in which a city-hour keeps how its indices came about, and which readings made it.

``{"in-naqi": {"pm25": [151, 78.5, 23], …}, "us-epa": {…}, "withheld": {"in-naqi": "…"}}``: sub-index (or null),
the concentration it was read off for (or null), hours present in its window, and the window's name where it is
not the usual one.

``"used": {"ITO": 187, …}``: the stations of the source that speaks, with their Indian index (or null);
``"unused": [["open-meteo", "modelled", 1, "basis"], …]``: other sources, the number of their stations, and by which
of `RANKING` they come behind. What follows is there where there is something to tell. ``"doubts": {"cpcb": {"ITO":
["spike:pm10!"]}}``: of this hour, with ``!`` where the value is not counted; ``"left_out": {"cpcb": {"ITO": {"pm10":
1}}}``: values within the window that are not counted; ``"gap": 2``: hours of the window without any data;
``"stopped": {"Okhla": 5}``: hours for which a station has told nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from common.domain.aqi import Aqi, PollutantIndex, Standard
from common.domain.breakpoints import SCALES
from common.quality.rules import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RANKING = ("index", "basis", "concentrations", "stations", "name")
"""What decides which source speaks for a city, in this order; see `common.ingest.reconcile`."""
_BEHIND = {
    "index": "it gives no index for this hour",
    "basis": "a better basis comes first: measured, implied, modelled",
    "concentrations": "it tells no concentrations",
    "stations": "the other source has more stations",
    "name": "the other source comes first by name",
}


class Unused(NamedTuple):
    """A source that reported for an hour and does not speak for it."""

    source: str
    basis: str
    stations: int
    why: str
    """One of `RANKING`."""


def pack(*indices: Aqi) -> dict[str, Any]:
    """The short form of a city-hour's indices, one of each standard; pollutants never seen are left out."""
    detail: dict[str, Any] = {}
    for aqi in indices:
        detail[aqi.standard] = {
            name: _pack(part, SCALES[aqi.standard][name][0].window)
            for name, part in aqi.pollutants.items()
            if part.index is not None or part.hours_present
        }
    withheld = {aqi.standard: aqi.withheld for aqi in indices if aqi.withheld}
    return detail | ({"withheld": withheld} if withheld else {})


def unpack(detail: Mapping[str, Any], standard: Standard) -> Aqi:
    """The index that `pack` made short; its value is the highest sub-index only for a single station,
    so the city's own value and dominant pollutant are for the caller to put in with `msgspec.structs.replace`."""
    parts = {}
    for name, (index, concentration, present, *window) in detail.get(standard, {}).items():
        scale = SCALES[standard][name][0]
        parts[name] = PollutantIndex(
            name,
            index,
            concentration,
            window[0] if window else scale.window,
            present,
            scale.required,
            scale.hours,
            None if index is not None else _reason(present, scale.required, scale.hours),
        )
    return Aqi(None, standard, None, parts, detail.get("withheld", {}).get(standard))


def pack_readings(
    *,
    used: Mapping[str, int | None],
    unused: Sequence[Unused],
    doubts: Mapping[str, Mapping[str, Sequence[str]]],
    left_out: Mapping[str, Mapping[str, Mapping[str, int]]],
    gap: int,
    stopped: Mapping[str, int],
) -> dict[str, Any]:
    """The short form of what made a city-hour, as the head of this module shows it."""
    rest = {
        "unused": [list(entry) for entry in unused],
        "doubts": doubts,
        "left_out": left_out,
        "gap": gap,
        "stopped": stopped,
    }
    return {"used": used} | {name: content for name, content in rest.items() if content}


def explain_readings(
    detail: Mapping[str, Any], *, source: str | None, basis: str | None, flags: Sequence[str]
) -> dict[str, Any]:
    """What `pack_readings` made short, ready for JSON: each station and source, used or not, and why.

    Hours that were computed before stations were kept have none.
    """
    doubts, left_out = detail.get("doubts", {}), detail.get("left_out", {})
    used = detail.get("used", {})
    stations = [
        {
            "source": source,
            "basis": basis,
            "station": name,
            "used": True,
            "naqi": naqi,
            **_doubted(doubts.get(source, {}).get(name, ()), left_out.get(source, {}).get(name, {})),
        }
        for name, naqi in used.items()
    ]
    unused = [
        {
            "source": other.source,
            "basis": other.basis,
            "stations": other.stations,
            "used": False,
            "reason": other.why,
            "why": _BEHIND[other.why],
            "doubtful": {
                name: _doubted(codes, left_out.get(other.source, {}).get(name, {}))
                for name, codes in doubts.get(other.source, {}).items()
            },
        }
        for other in (Unused(*each) for each in detail.get("unused", ()))
    ]
    return {
        "flags": {flag: MEANINGS[flag.partition(":")[0]] for flag in flags},
        "readings": [*stations, *unused],
        "hours_without_data": detail.get("gap", 0),
        "silent_stations": detail.get("stopped", {}),
    }


def _doubted(codes: Sequence[str], left_out: Mapping[str, int]) -> dict[str, Any]:
    """What is doubtful in one station's hour; `excluded`: what is not counted, and in how many hours of the window."""
    return {"flags": [code.removesuffix("!") for code in codes], "excluded": dict(left_out)}


def _pack(part: PollutantIndex, usual_window: str) -> list[Any]:
    concentration = None if part.concentration is None else round(part.concentration, 2)
    short = [part.index, concentration, part.hours_present]
    return short if part.window == usual_window else [*short, part.window]


def _reason(present: int, required: int, hours: int) -> str:
    if present >= required:
        return "a mean of 0 counts as missing, or the latest hours are missing"
    return f"{present} of {hours} hours present, {required} needed"
