"""Every kind of GET that reads the store, and the batch."""

BATCH = {"cities": ["Delhi", "Mumbai", "Kolkata", "Chennai", "Jaipur"], "hours_ahead": 24}
REQUESTS: tuple[tuple[str, str, object], ...] = (
    ("GET", "/health", None),
    ("GET", "/cities/", None),
    ("GET", "/aqi/current/Delhi", None),
    ("GET", "/aqi/current/Delhi?explain=true&standard=us-epa", None),
    ("GET", "/aqi/pollutants/Delhi", None),
    ("GET", "/aqi/history/Delhi", None),
    ("GET", "/aqi/history/Delhi?days=30", None),
    ("GET", "/aqi/history/Delhi?days=90&interval=day", None),
    ("GET", "/aqi/history/Delhi?days=300&interval=day", None),
    ("GET", "/forecast/Delhi", None),
    ("POST", "/forecast/batch", BATCH),
    ("GET", "/models/performance/Delhi", None),
    ("GET", "/forecast/confidence/Delhi", None),
    ("GET", "/models/list?city=Delhi", None),
    ("GET", "/models/list", None),
)
