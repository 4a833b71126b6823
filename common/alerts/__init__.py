"""Alerts: rules, what they do hour by hour, how they are worded and judged. Pure; no database, no network."""
