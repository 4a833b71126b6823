"""The public record computed independently: pairs of forecast and truth with pandas, scores with the package scores.

It reads forecasts and truths as they are stored, and shares nothing with the code that it checks but the names of the
naive forecasts and the numbers that docs/record.md states.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from scores.categorical import BinaryContingencyManager
from scores.continuous import additive_bias, mae, rmse

from common.store.engine import Database, run

if TYPE_CHECKING:
    from datetime import datetime

LEADS = [1, 3, 6, 12, 24, 48]
NAIVE = ["persistence", "daily", "mean24", "weekly"]
SEASON = {12: "DJF", 1: "DJF", 2: "DJF", 3: "MAM", 4: "MAM", 5: "MAM", 6: "JJAS", 7: "JJAS", 8: "JJAS", 9: "JJAS",
          10: "ON", 11: "ON"}  # fmt: skip
KEY = ["city", "target", "mode", "season", "lead"]
CATEGORY_ENDS = [50, 100, 200, 300, 400]


def pairs(database: Database, now: datetime) -> pd.DataFrame:
    """Every pair that the record counts at `now`: a row a valid hour and lead time."""
    with database.transaction() as connection:
        [(text,)] = run(
            connection,
            "SELECT CAST(json_agg(f) AS text) FROM (SELECT forecast.*, actual, "
            "(SELECT json_object_agg(challenger, c.y) FROM forecast_challenger AS c "
            " WHERE (c.city, c.target, c.mode, c.origin) = "
            " (forecast.city, forecast.target, forecast.mode, forecast.origin)) AS rivals "
            "FROM forecast LEFT JOIN forecast_truth USING (city, target, mode, origin)) AS f",
        )
    rows = []
    for issued in json.loads(text):
        for lead in LEADS:
            row = {name: issued[name] for name in ("city", "target", "mode")}
            row |= {"lead": lead, "valid": pd.Timestamp(issued["origin"]) + pd.Timedelta(hours=lead)}
            row |= {"truth": _at(issued["actual"], lead)}
            row |= {name: _at(issued[name], lead) for name in ("y", "lo80", "hi80", "lo95", "hi95", *NAIVE)}
            row["p"] = (
                [float(np.float32(p)) for p in issued["categories"][lead - 1]] if issued["categories"] else []
            )
            row["rivals"] = {name: _at(values, lead) for name, values in (issued["rivals"] or {}).items()}
            rows.append(row)
    table = pd.DataFrame(rows)
    table["valid"] = table["valid"].dt.tz_convert("Asia/Kolkata")
    table["day"] = (table["valid"] - pd.Timedelta(minutes=1)).dt.date
    table["season"] = [SEASON[day.month] for day in table["day"]]
    hour = ["city", "target", "mode", "valid"]
    newest = table[table["lead"] == 1].set_index(hour)["truth"]
    table["truth"] = newest.reindex(pd.MultiIndex.from_frame(table[hour])).to_numpy()
    complete = table.groupby(hour)["lead"].transform("count") == len(LEADS)
    over = table["day"] < pd.Timestamp(now).tz_convert("Asia/Kolkata").date()
    return table[complete & over & table["truth"].notna()].sort_values([*KEY, "valid"]).reset_index(drop=True)


def _at(values: list[float | None] | None, lead: int) -> float:
    """As the database has it, in single precision."""
    value = None if values is None else values[lead - 1]
    return np.nan if value is None else float(np.float32(value))


def cells(counted: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """(city, target, mode, season, lead) → its scores, interval apart."""
    return {key: _cell(part) for key, part in counted.groupby(KEY)} if len(counted) else {}


def _cell(part: pd.DataFrame) -> dict[str, Any]:
    values = {name: xr.DataArray(part[name].to_numpy(dtype=float)) for name in ("truth", "y", *NAIVE)}
    naive = {name: float(mae(values[name], values["truth"])) for name in NAIVE if part[name].notna().all()}
    best = min(naive, key=naive.__getitem__)
    own = float(mae(values["y"], values["truth"]))
    return {
        "n": len(part),
        "days": part["day"].nunique(),
        "first_day": part["day"].min().isoformat(),
        "last_day": part["day"].max().isoformat(),
        "mae": own,
        "rmse": float(rmse(values["y"], values["truth"])),
        "bias": float(additive_bias(values["y"], values["truth"])),
        "coverage80": part["truth"].between(part["lo80"], part["hi80"]).mean(),
        "coverage95": part["truth"].between(part["lo95"], part["hi95"]).mean(),
        "width80": (part["hi80"] - part["lo80"]).mean(),
        "width95": (part["hi95"] - part["lo95"]).mean(),
        **{name: naive.get(name) for name in NAIVE},
        "best_naive": best,
        "skill": 1 - own / naive[best],
    }


def provider_cells(counted: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """(city, target, mode, season, lead, provider) → its scores beside ours, interval apart."""
    result = {}
    for key, part in counted.groupby(KEY) if len(counted) else ():
        for provider in sorted({name for rivals in part["rivals"] for name in rivals}):
            theirs = part["rivals"].map(lambda rivals, name=provider: rivals.get(name, np.nan)).astype(float)
            known = theirs.notna()
            if not known.any():
                continue
            truth = xr.DataArray(part.loc[known, "truth"].to_numpy())
            error = float(mae(xr.DataArray(theirs[known].to_numpy()), truth))
            own = float(mae(xr.DataArray(part.loc[known, "y"].to_numpy()), truth))
            result[*key, provider] = {
                "n": int(known.sum()),
                "days": part.loc[known, "day"].nunique(),
                "mae": error,
                "our_mae": own,
                "our_skill": 1 - own / error,
            }
    return result


def skill_interval(part: pd.DataFrame) -> tuple[float, float]:
    """Of one cell, by drawing the hours of whole days and scoring them as they are."""
    hours = [group for _, group in part.groupby("day")]
    days = len(hours)
    length = 1
    while length**3 < days:
        length += 1
    blocks = -(-days // length)
    first = np.random.default_rng([0, days]).integers(0, days, (1000, blocks))
    names = ["y", *(name for name in NAIVE if part[name].notna().all())]
    errors = [(group[names].sub(group["truth"], axis=0)).abs().to_numpy() for group in hours]
    skills = []
    for starts in first:
        drawn = [(start + step) % days for start in starts for step in range(length)][:days]
        ours, *naive = np.concatenate([errors[day] for day in drawn]).mean(axis=0)
        skills.append(1 - ours / min(naive))
    low, high = np.quantile(skills, [0.025, 0.975])
    return float(low), float(high)


def stated(counted: pd.DataFrame) -> pd.DataFrame:
    """Every probability of the counted AQI forecasts: a row each, with its event and whether it happened."""
    rows = []
    for issued in counted[counted["target"] == "aqi"].itertuples():
        likely, came = _category(issued.y), _category(issued.truth)
        events = [("category", issued.p[likely], likely == came)]
        events += [
            (str(above), sum(issued.p[_category(above + 1) :]), issued.truth >= above + 0.5)
            for above in (200, 300, 400)
        ]
        rows += [
            {
                **{name: getattr(issued, name) for name in KEY},
                "event": event,
                "p": p,
                "bin": min(int(p * 10 + 1e-6), 9),
                "happened": happened,
            }
            for event, p, happened in events
        ]
    return pd.DataFrame(rows)


def _category(value: float) -> int:
    return sum(value >= end + 0.5 for end in CATEGORY_ENDS)


def warnings(claims: pd.DataFrame, percent: int) -> dict[tuple[int, int], dict[str, Any]]:
    """(above, lead) → how such an AQI was foreseen."""
    result = {}
    for (event, lead), part in claims[claims["event"] != "category"].groupby(["event", "lead"]):
        table = BinaryContingencyManager(
            xr.DataArray((part["bin"] >= percent // 10).to_numpy(dtype=float)),
            xr.DataArray(part["happened"].to_numpy(dtype=float)),
        )
        counts = {name: int(count) for name, count in table.get_counts().items()}
        result[int(event), int(lead)] = {
            "n": counts["total_count"],
            "hits": counts["tp_count"],
            "misses": counts["fn_count"],
            "false_alarms": counts["fp_count"],
            "base_rate": float(table.base_rate()),
            "pod": float(table.probability_of_detection()),
            "far": float(table.false_alarm_ratio()),
            "csi": float(table.critical_success_index()),
        }
    return result
