"""How long an hourly run of collection takes, and what it needs."""
