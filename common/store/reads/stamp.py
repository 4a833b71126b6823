"""Times as the API writes them."""


def utc(column: str) -> str:
    """SQL for a timestamptz as text: ``2025-11-05T10:30:00Z``."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
