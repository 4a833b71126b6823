"""Make the vectors from the rules: python -m conformance.naqi.make [--check]

Writes vectors.json beside this file; the same bytes every time. `--check` only says whether they would change.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.naqi import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VECTORS = Path(__file__).with_name("vectors.json")
RULES: dict[str, tuple[str, str]] = {
    "naqi-band": ("Sub-index where the printed table and CPCB's calculator agree", "published"),
    "naqi-decimal": (
        "Sub-index where only the joined edges of CPCB's calculator give a value, or another",
        "calculator",
    ),
    "naqi-cap": ("At and above the end of the last band the sub-index is 500", "calculator"),
    "naqi-missing": ("A negative concentration has no sub-index", "published"),
    "naqi-window": ("24 h means; 8 h for CO and O3; older hours do not count", "published"),
    "naqi-minimum": ("16 of 24 hours", "published"),
    "naqi-minimum-8h": ("6 of 8 hours: CPCB states no number", "custom"),
    "naqi-ozone": ("Above an 8 h mean of 208 µg/m³ ozone goes by the 1 h value", "published"),
    "naqi-pollutants": (
        "An index needs three sub-indices, PM2.5 or PM10 among them; it is the highest",
        "published",
    ),
    "naqi-zero": ("A mean of 0 counts as missing", "calculator"),
    "naqi-city": ("A city is the mean of its stations, halves up", "custom"),
    "naqi-invert": ("From an index back to a concentration that has it", "calculator"),
    "naqi-category": ("Names of the six categories", "published"),
    "epa-band": ("Sub-index by the tables of May 2024", "published"),
    "epa-truncate": ("The concentration is truncated, the index rounded", "published"),
    "epa-beyond": ("Above the end of the tables: 500 or more", "published"),
    "epa-scale": ("O3 by 1 h only from 0.125 ppm, SO2 by 24 h only from 305 ppb", "published"),
    "epa-nowcast": ("NowCast of PM2.5 and PM10", "published"),
    "epa-nowcast-minimum": ("2 of the latest 3 hours", "published"),
    "epa-highest": ("The index is the highest sub-index; one pollutant is enough", "published"),
    "epa-invert": ("From an index back to a concentration that has it", "published"),
    "epa-category": ("Names of the six categories", "published"),
}
"""Rule → what it says, and where it comes from: `published` by the agency, its `calculator`, or `custom`."""

Vector = dict[str, Any]
NAQI_NAMES = (
    ("Good", 0, 50), ("Satisfactory", 51, 100), (["Moderate", "Moderately polluted"], 101, 200),
    ("Poor", 201, 300), ("Very Poor", 301, 400), ("Severe", 401, 500),
)  # fmt: skip
EPA_NAMES = (
    ("Good", 0, 50), ("Moderate", 51, 100), ("Unhealthy for Sensitive Groups", 101, 150),
    ("Unhealthy", 151, 200), ("Very Unhealthy", 201, 300), ("Hazardous", 301, 500),
)  # fmt: skip


def vectors() -> list[Vector]:
    """All vectors, in the order of the rules."""
    made = [
        *_naqi_bands(), *_naqi_windows(), *_naqi_stations(), *_naqi_city(), *_naqi_inverse(),
        *_categories("in-naqi", "naqi-category", NAQI_NAMES), *_epa_bands(), *_epa_nowcast(), *_epa_stations(),
        *_epa_inverse(), *_categories("us-epa", "epa-category", EPA_NAMES),
    ]  # fmt: skip
    order = list(RULES)
    made.sort(key=lambda vector: order.index(vector["rule"]))
    numbers = dict.fromkeys(order, 0)
    result = []
    for vector in made:
        numbers[vector["rule"]] += 1
        result.append({"id": f"{vector['rule']}-{numbers[vector['rule']]:03}", **vector})
    return result


def document() -> str:
    """The file: one vector a line, so that a change of one shows as one."""
    head = {
        "version": 1,
        "rules": {name: {"text": text, "from": source} for name, (text, source) in RULES.items()},
    }
    lines = ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in vectors())
    return json.dumps(head, ensure_ascii=False)[:-1] + ',\n"vectors": [\n' + lines + "\n]}\n"


def number(value: Fraction) -> int | float:
    """As JSON has it; every input is a short decimal, which a float holds well enough to be read back."""
    return value.numerator if value.denominator == 1 else float(value)


def _sub_index(
    rule: str, standard: str, pollutant: str, value: Fraction, hours: int, expected: Any
) -> Vector:
    units = rules.NAQI_UNITS if standard == "in-naqi" else rules.EPA_UNITS
    given = {"standard": standard, "pollutant": pollutant, "concentration": number(value)}
    return {
        "rule": rule,
        "op": "sub_index",
        "input": given | {"unit": units[pollutant], "hours": hours},
        "expected": {"index": expected},
    }


def _naqi_bands() -> Iterator[Vector]:
    for pollutant in rules.NAQI_EDGES:
        usual = 8 if pollutant in ("co", "o3") else 24
        step = Fraction(rules.PUBLISHED_STEP.get(pollutant, "1"))
        values: set[Fraction] = {Fraction(0)}
        for band in rules.naqi_bands(pollutant):
            middle = rules.truncated("pm25", (band.low + band.high) / 2)
            values |= {middle, band.high, band.high - step, band.high + step}
            values |= {band.high + step * Fraction(tenths, 10) for tenths in (1, 4, 5, 9)}
        for value in sorted(values):
            index = rules.naqi_index(pollutant, value)
            hours = 1 if pollutant == "o3" and value > rules.O3_MEAN_ENDS else usual
            same = rules.published_index(pollutant, value) == index
            rule = "naqi-band" if same else "naqi-decimal"
            if value >= rules.naqi_bands(pollutant)[-1].high:
                rule = "naqi-cap"
            yield _sub_index(rule, "in-naqi", pollutant, value, hours, index)
        end = rules.naqi_bands(pollutant)[-1].high
        yield _sub_index("naqi-cap", "in-naqi", pollutant, 10 * end, 1 if pollutant == "o3" else usual, 500)
        yield _sub_index("naqi-missing", "in-naqi", pollutant, Fraction(-1), usual, None)
    for pollutant, text in (("nh3", "34"), ("co", "0.55"), ("pm25", "34"), ("pm10", "121"), ("no2", "8")):
        exact = Fraction(text)  # CPCB's own examples
        index = rules.naqi_index(pollutant, exact)
        rule = "naqi-band" if rules.published_index(pollutant, exact) == index else "naqi-decimal"
        yield _sub_index(rule, "in-naqi", pollutant, exact, 8 if pollutant == "co" else 24, index)


def _hours(*runs: tuple[str | None, int]) -> list[Fraction | None]:
    """(value, hours), oldest first."""
    return [None if value is None else Fraction(value) for value, count in runs for _ in range(count)]


Series = dict[str, list[Fraction | None]]


def _station(rule: str, standard: str, series: Series, only: Sequence[str] = ()) -> Vector:
    """`only`: sub-indices that are expected, beside the index; without it all of them are."""
    station = rules.naqi_station(series) if standard == "in-naqi" else rules.epa_station(series)
    expected: dict[str, Any] = {"aqi": station.aqi}
    if station.aqi is not None:
        names = list(station.dominant)
        expected["dominant"] = names[0] if len(names) == 1 else {"any_of": names}
    expected["sub_indices"] = {
        name: index for name, index in station.sub_indices.items() if not only or name in only
    }
    units = rules.NAQI_UNITS if standard == "in-naqi" else rules.EPA_UNITS
    return {
        "rule": rule,
        "op": "station",
        "input": {
            "standard": standard,
            "units": {name: units[name] for name in series},
            "series": {
                name: [None if value is None else number(value) for value in hours]
                for name, hours in series.items()
            },
        },
        "expected": expected,
    }


_USUAL: Series = {"pm10": _hours(("90", 24)), "no2": _hours(("20", 24)), "so2": _hours(("10", 24))}


def _naqi_windows() -> Iterator[Vector]:
    cases: list[tuple[str, Series]] = []
    for name, low, high in (("pm25", "40", "200"), ("pm10", "60", "400"), ("nh3", "100", "700")):
        cases += [
            ("naqi-window", {name: _hours((low, 12), (high, 12))}),
            ("naqi-window", {name: _hours((high, 12), (low, 12))}),
            ("naqi-window", {name: _hours((high, 24), (low, 24))}),
            ("naqi-window", {name: _hours(("900", 6), (low, 24))}),
            ("naqi-minimum", {name: _hours((low, 15), (None, 9))}),
            ("naqi-minimum", {name: _hours((low, 16), (None, 8))}),
            ("naqi-minimum", {name: _hours((None, 9), (low, 15))}),
            ("naqi-minimum", {name: _hours((None, 8), (high, 16))}),
            ("naqi-minimum", {name: _hours((high, 30), (None, 12), (low, 12))}),
            ("naqi-minimum", {name: _hours((low, 16))}),
            ("naqi-minimum", {name: _hours((low, 15))}),
        ]
    for name, low, high in (("co", "0.8", "6.5"), ("o3", "40", "150")):
        cases += [
            ("naqi-window", {name: _hours((high, 16), (low, 8))}),
            ("naqi-window", {name: _hours((low, 16), (high, 8))}),
            ("naqi-window", {name: _hours((low, 4), (high, 4))}),
            ("naqi-minimum-8h", {name: _hours((high, 16), (None, 3), (low, 5))}),
            ("naqi-minimum-8h", {name: _hours((high, 16), (None, 2), (low, 6))}),
            ("naqi-minimum-8h", {name: _hours((low, 6), (None, 2))}),
        ]
    for now in ("209", "300", "748", "749", "1000", "1287", "2000"):
        cases.append(("naqi-ozone", {"o3": _hours(("100", 16), ("230", 7), (now, 1))}))
    cases.append(("naqi-ozone", {"o3": _hours(("400", 16), ("208", 8))}))
    for rule, own in cases:
        rest = {name: hours for name, hours in _USUAL.items() if name not in own}
        rest |= {} if {"pm25", "pm10"} & {*rest} else {"pm25": _hours(("40", 24))}
        rest |= {} if len(rest) > 2 else {"nh3": _hours(("50", 24))}
        yield _station(rule, "in-naqi", own | rest, tuple(own))


def _naqi_stations() -> Iterator[Vector]:
    day = {
        name: _hours((value, 24))
        for name, value in {
            "pm25": "75", "pm10": "180", "no2": "120", "so2": "20", "nh3": "30", "co": "1.4", "o3": "60"
        }.items()
    }  # fmt: skip
    for names in (
        ("pm25", "no2", "so2"), ("pm10", "no2", "so2"), ("pm25", "pm10", "co"), ("pm25", "no2"), ("pm25",),
        ("pm10", "pm25"), ("no2", "so2", "co"), ("no2", "so2", "nh3", "co", "o3"), ("pm25", "co", "o3"),
        ("pm25", "pm10", "no2", "so2", "nh3", "co", "o3"),
    ):  # fmt: skip
        yield _station("naqi-pollutants", "in-naqi", {name: day[name] for name in names})
    few = _hours((None, 10), ("300", 14))
    yield _station("naqi-pollutants", "in-naqi", {**{n: day[n] for n in ("no2", "so2", "co")}, "pm25": few})
    yield _station("naqi-pollutants", "in-naqi", {**{n: day[n] for n in ("no2", "pm10")}, "so2": few})
    yield _station(
        "naqi-pollutants",
        "in-naqi",
        {"pm25": _hours(("60", 24)), "pm10": _hours(("100", 24)), "no2": day["no2"]},
    )
    sheet = {"pm10": "121", "pm25": "34", "so2": "0", "no2": "8", "co": "0", "o3": "57", "nh3": "34"}
    yield _station("naqi-zero", "in-naqi", {name: _hours((value, 24)) for name, value in sheet.items()})
    for zeros in (("so2",), ("no2", "so2"), ("pm25",)):
        series = {name: day[name] for name in ("pm25", "no2", "so2")}
        yield _station("naqi-zero", "in-naqi", series | {name: _hours(("0", 24)) for name in zeros})
    yield _station("naqi-zero", "in-naqi", {**_USUAL, "so2": _hours(("0", 12), ("8", 12))})


def _naqi_city() -> Iterator[Vector]:
    for stations in (
        [100, 200, 300], [100, 101], [100, 101, 101], [412, None, 388], [None, None], [87], [500, 500, 500],
        [50, 51], [1, 2, 2, 2], [40, 340, 40, 40], [],
    ):  # fmt: skip
        given: list[int | None] = list(stations)
        yield {
            "rule": "naqi-city",
            "op": "city",
            "input": {"standard": "in-naqi", "stations": given},
            "expected": {"aqi": rules.city(given)},
        }


def _invert(rule: str, standard: str, pollutant: str, index: int, expected: dict[str, Any]) -> Vector:
    units = rules.NAQI_UNITS if standard == "in-naqi" else rules.EPA_UNITS
    given = {"standard": standard, "pollutant": pollutant, "index": index, "unit": units[pollutant]}
    return {"rule": rule, "op": "invert", "input": given, "expected": expected}


def _naqi_inverse() -> Iterator[Vector]:
    for pollutant in rules.NAQI_EDGES:
        for index in (1, 25, 50, 51, 75, 100, 101, 150, 200, 201, 250, 300, 301, 400, 401, 499):
            low, high = rules.naqi_range(pollutant, index)
            between = {"between": [float(low), float(high)]}
            yield _invert(
                "naqi-invert", "in-naqi", pollutant, index, {"concentration": between, "at_least": False}
            )
        end = float(rules.naqi_bands(pollutant)[-1].high)
        low, _ = rules.naqi_range(pollutant, 500)
        expected = {"concentration": {"between": [float(low), end]}, "at_least": True}
        yield _invert("naqi-invert", "in-naqi", pollutant, 500, expected)


def _categories(standard: str, rule: str, names: Sequence[tuple[Any, int, int]]) -> Iterator[Vector]:
    for name, low, high in names:
        for index in (low, high):
            yield {
                "rule": rule,
                "op": "category",
                "input": {"standard": standard, "index": index},
                "expected": {"category": {"any_of": name} if isinstance(name, list) else name},
            }


def _epa_bands() -> Iterator[Vector]:
    for (pollutant, hours), edges in rules.EPA_EDGES.items():
        step = Fraction(rules.EPA_STEPS[pollutant])
        bands = rules.epa_bands(pollutant, hours)
        last = bands[-1].high
        values = {Fraction(0)} if not bands[0].low else {bands[0].low}
        for band in bands:
            middle = rules.truncated(pollutant, (band.low + band.high) / 2)
            values |= {middle, band.low, band.high, band.high - step}
        for value in sorted(values):
            yield _sub_index(
                "epa-band", "us-epa", pollutant, value, hours, rules.epa_index(pollutant, value, hours)
            )
        for edge in edges[:-1]:
            for tenths in (1, 5, 9):
                value = Fraction(edge) + step * Fraction(tenths, 10)
                index = rules.epa_index(pollutant, value, hours)
                yield _sub_index("epa-truncate", "us-epa", pollutant, value, hours, index)
        if bands[-1].index_high == 500:
            for value in (last + step, 2 * last):
                yield _sub_index("epa-beyond", "us-epa", pollutant, value, hours, {"at_least": 500})
        if bands[0].low:
            for value in (bands[0].low - step, bands[0].low - step / 2):
                yield _sub_index("epa-scale", "us-epa", pollutant, value, hours, None)


def _epa_nowcast() -> Iterator[Vector]:
    cases = (
        _hours(("10", 12)), _hours(("10", 11), ("50", 1)), _hours(("50", 11), ("10", 1)), _hours(("80", 6), ("20", 6)),
        _hours(("20", 6), ("80", 6)), _hours(("30", 10), (None, 1), ("90", 1)), _hours(("30", 9), (None, 2), ("90", 1)),
        _hours(("30", 9), ("90", 2), (None, 1)), _hours(("30", 9), ("90", 1), (None, 2)), _hours(("12.3", 2)),
        _hours(("12.3", 1)), _hours(("0", 12)), _hours(("0", 6), ("60", 6)), _hours(("500", 5), ("40", 12)),
        _hours(("100", 3), ("75", 3), (None, 3), ("60", 1), (None, 1), ("90", 1)), _hours((None, 12)),
        _hours(("35", 4), ("36.7", 4), ("41.2", 4)), _hours(("225.4", 12)), _hours(("9.1", 12)),
    )  # fmt: skip
    for pollutant in ("pm25", "pm10"):
        for hours in cases:
            value = rules.nowcast(hours)
            index = None if value is None else rules.epa_index(pollutant, value, 24)
            cut = None if value is None else number(rules.truncated(pollutant, value))
            late = sum(hour is not None for hour in hours[-3:])
            yield {
                "rule": "epa-nowcast-minimum" if late < 3 else "epa-nowcast",
                "op": "nowcast",
                "input": {
                    "pollutant": pollutant,
                    "unit": "ug/m3",
                    "hours": [None if hour is None else number(hour) for hour in hours],
                },
                "expected": {
                    "concentration": None if value is None else {"any_of": [float(value), cut]},
                    "index": index,
                },
            }


def _epa_stations() -> Iterator[Vector]:
    day = {
        name: _hours((value, 24))
        for name, value in {
            "pm25": "40", "pm10": "100", "no2": "70", "so2": "50", "co": "3.5", "o3": "0.060"
        }.items()
    }  # fmt: skip
    for names in (("pm25",), ("no2",), ("pm25", "o3"), ("pm10", "no2", "so2", "co"), tuple(day)):
        yield _station("epa-highest", "us-epa", {name: day[name] for name in names})
    for high in ("0.124", "0.130", "0.250", "0.450"):
        yield _station("epa-highest", "us-epa", {"o3": _hours(("0.050", 23), (high, 1))})
    for high in ("304", "305", "500", "800"):
        yield _station("epa-highest", "us-epa", {"so2": _hours((high, 24))})


def _epa_inverse() -> Iterator[Vector]:
    for pollutant, hours in (("pm25", 24), ("pm10", 24), ("co", 8), ("no2", 1)):
        for index in (10, 50, 51, 75, 100, 101, 125, 150, 151, 200, 201, 250, 300, 301, 400, 499):
            bounds = rules.epa_range(pollutant, hours, index)
            if bounds is None:
                continue
            between = {"between": [float(bounds[0]), float(bounds[1])]}
            yield _invert("epa-invert", "us-epa", pollutant, index, {"concentration": between})


def main() -> None:
    """Write the file, or say that it would change."""
    text = document()
    if "--check" in sys.argv[1:]:
        same = VECTORS.exists() and VECTORS.read_text(encoding="utf-8") == text
        print("vectors.json is as the rules make it" if same else "vectors.json differs from the rules")
        sys.exit(0 if same else 1)
    VECTORS.write_text(text, encoding="utf-8", newline="\n")
    print(f"{VECTORS.name}: {len(vectors())} vectors of {len(RULES)} rules")


if __name__ == "__main__":
    main()
