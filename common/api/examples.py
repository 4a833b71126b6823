"""Examples of the description: what is sent and what comes back. A test holds them against the declarations."""

from typing import Any

_HOUR = {
    "aqi": 187,
    "category": "Moderate",
    "dominant_pollutant": "pm25",
    "timestamp": "2025-11-05T10:30:00Z",
    "age_minutes": 12,
    "stale": False,
    "basis": "measured",
}
_UNITS = {
    name: "mg/m³" if name == "co" else "µg/m³" for name in ("pm25", "pm10", "no2", "so2", "nh3", "co", "o3")
}
_BAND = {"value": 79.4, "lower_80": 61.2, "upper_80": 98.0, "lower_95": 50.3, "upper_95": 117.5}
_POINT = {
    "time": "2025-11-05T11:30:00Z",
    "lead_hours": 1,
    "aqi": 190,
    "category": "Moderate",
    "confidence": 0.71,
    "lower_80": 176,
    "upper_80": 204,
    "lower_95": 165,
    "upper_95": 219,
    "probabilities": {
        "Good": 0.0,
        "Satisfactory": 0.01,
        "Moderate": 0.71,
        "Poor": 0.28,
        "Very Poor": 0.0,
        "Severe": 0.0,
    },
    "exceedance": {"200": 0.28, "300": 0.0, "400": 0.0},
    "pm25": _BAND,
}
_FORECAST = {
    "city": "Delhi",
    "state": "Delhi",
    "standard": "in-naqi",
    "target": "aqi",
    "issued_at": "2025-11-05T10:42:00Z",
    "origin": "2025-11-05T10:30:00Z",
    "known_until": "2025-11-05T10:30:00Z",
    "stale": False,
    "model": {"version": "delhi-aqi-xgboost-20251105T0230Z-1f0c9a2e", "family": "xgboost"},
    "naive": False,
    "basis": "measured",
    "source": "cpcb",
    "simulated": False,
    "hours": 1,
    "forecast": [_POINT],
}
_JOB = {
    "id": 42,
    "city": "Delhi",
    "state": "queued",
    "attempts": 0,
    "max_attempts": 5,
    "created_at": "2025-11-05T10:42:00Z",
    "started_at": None,
    "finished_at": None,
    "retry_at": None,
    "families": None,
    "force": True,
    "error": None,
    "outcome": None,
}
_WINDOW = {"start": "2025-11-04T10:30:00Z", "end": "2025-11-05T10:30:00Z"}

EXAMPLES: dict[tuple[str, str, str], Any] = {
    ("GET", "/cities/", "answer"): {
        "count": 1,
        "standard": "in-naqi",
        "simulated": False,
        "cities": [
            {
                "name": "Delhi",
                "slug": "delhi",
                "state": "Delhi",
                "latitude": 28.6139,
                "longitude": 77.209,
                "aliases": ["New Delhi"],
                "latest": _HOUR,
            }
        ],
    },
    ("GET", "/cities/rankings", "answer"): {
        "window": "24h",
        "by": "aqi",
        "standard": "in-naqi",
        "unit": None,
        "order": "desc",
        **_WINDOW,
        "hours_expected": 24,
        "count": 55,
        "simulated": False,
        "cities": [
            {
                "rank": 1,
                "tied": False,
                "city": "Delhi",
                "state": "Delhi",
                "value": 312.4,
                "category": "Very Poor",
                "hours": 24,
                "basis": {"measured": 24},
            }
        ],
        "without_data": ["Gangtok"],
    },
    ("GET", "/cities/compare", "answer"): {
        "days": 30,
        "standard": "in-naqi",
        "start": "2025-10-06T18:30:00Z",
        "end": "2025-11-05T10:30:00Z",
        "hours_expected": 712,
        "units": _UNITS,
        "simulated": False,
        "cities": [
            {
                "city": "Delhi",
                "state": "Delhi",
                "hours": 712,
                "days": 30,
                "aqi_mean": 248.3,
                "aqi_max": 391,
                "aqi_max_date": "2025-10-21",
                "aqi_min": 96,
                "aqi_min_date": "2025-10-08",
                "aqi_highest_hour": 428,
                "category_days": {
                    "Good": 0,
                    "Satisfactory": 2,
                    "Moderate": 6,
                    "Poor": 12,
                    "Very Poor": 10,
                    "Severe": 0,
                },
                "pollutants": {"pm25": 121.4, "pm10": 239.8, "no2": 48.1},
                "basis": {"measured": 712},
            }
        ],
        "errors": [
            {
                "city": "Mumbay",
                "status": 404,
                "detail": "unknown city 'Mumbay'; the 56 cities are listed at /api/v1/cities/; did you mean Mumbai?",
                "nearest": ["Mumbai"],
            }
        ],
    },
    ("GET", "/aqi/current/{city}", "answer"): {
        "city": "Delhi",
        "state": "Delhi",
        "aqi": 187,
        "category": "Moderate",
        "standard": "in-naqi",
        "dominant_pollutant": "pm25",
        "pm25": 78.5,
        "pm10": 132.4,
        "units": {"pm25": "µg/m³", "pm10": "µg/m³"},
        "timestamp": "2025-11-05T10:30:00Z",
        "age_minutes": 12,
        "stale": False,
        "source": "cpcb",
        "basis": "measured",
        "stations": 36,
        "flags": [],
        "simulated": False,
    },
    ("GET", "/aqi/history/{city}", "answer"): {
        "interval": "hour",
        "city": "Delhi",
        "state": "Delhi",
        "standard": "in-naqi",
        **_WINDOW,
        "count": 1,
        "expected": 24,
        "units": _UNITS,
        "simulated": False,
        "points": [
            {
                "time": "2025-11-05T10:30:00Z",
                "aqi": 187,
                "category": "Moderate",
                "dominant_pollutant": "pm25",
                "basis": "measured",
                "source": "cpcb",
                "flags": [],
                "pollutants": {"pm25": 78.5, "pm10": 132.4},
            }
        ],
    },
    ("GET", "/aqi/pollutants/{city}", "answer"): {
        "city": "Delhi",
        "state": "Delhi",
        "standard": "in-naqi",
        "withheld": None,
        "source": "cpcb",
        "stations": 36,
        "flags": [],
        "simulated": False,
        **_HOUR,
        "pollutants": {
            "pm25": {
                "concentration": 78.5,
                "unit": "µg/m³",
                "sub_index": 187,
                "category": "Moderate",
                "window": "24 h mean",
                "window_mean": 86.1,
                "hours_present": 24,
                "hours_required": 16,
                "hours_window": 24,
                "dominant": True,
                "withheld": None,
            }
        },
    },
    ("GET", "/forecast/{city}", "answer"): _FORECAST,
    ("POST", "/forecast/batch", "body"): {"cities": ["Delhi", "Mumbai"], "hours_ahead": 24},
    ("POST", "/forecast/batch", "answer"): {
        "hours_ahead": 1,
        "count": 1,
        "simulated": False,
        "forecasts": [_FORECAST],
        "errors": [{"city": "Mumbai", "status": 404, "detail": "no forecast has been issued for Mumbai yet"}],
    },
    ("POST", "/models/retrain/{city}", "body"): {"families": ["linear", "xgboost"]},
    ("POST", "/models/retrain/{city}", "answer"): _JOB,
    ("POST", "/cache/clear", "answer"): {"redis": True, "redis_answers": 214},
    ("GET", "/models/jobs/{job}", "answer"): _JOB
    | {
        "state": "done",
        "attempts": 1,
        "started_at": "2025-11-05T10:42:01Z",
        "finished_at": "2025-11-05T10:43:27Z",
        "outcome": {
            "city": "Delhi",
            "promoted": {"aqi": "delhi-aqi-xgboost-20251105T0230Z-1f0c9a2e"},
            "reasons": {"aqi": "MAE 21.3 against 24.8 of the best naive forecast on the same hours"},
            "switched": {},
            "kept": {"pm25": "the champion did better on the same hours"},
            "failed": {},
            "metrics": {"aqi": {"xgboost": {"mae": 21.3, "rmse": 30.2, "r2": 0.79}}},
            "left_out": {},
        },
    },
}
"""(method, path, ``body`` or ``answer``) → what it may look like."""


def _problem(status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "/api/v1/forecast/Dehli",
        "request_id": "5d8b2a1c0f7e4c7b9d3e6a5f4b3c2d1e",
    } | more


FAULTS: dict[int, Any] = {
    400: _problem(
        400,
        "Bad Request",
        "hours must be a whole number from 1 to 48, not '72'",
        type="urn:vayu:problem:bad-request",
        instance="/api/v1/forecast/Delhi",
        errors=[{"parameter": "hours", "given": "72", "allowed": "a whole number from 1 to 48"}],
    ),
    404: _problem(
        404,
        "Not Found",
        "unknown city 'Dehli'; the 56 cities are listed at /api/v1/cities/; did you mean Delhi?",
        type="urn:vayu:problem:not-found",
        errors=[
            {"parameter": "city", "given": "Dehli", "allowed": "a city of /api/v1/cities/, by name or alias"}
        ],
        nearest=["Delhi"],
    ),
}
"""Status → a problem document."""
