"""Quality of readings: rules, flags, and a city's stations on one grid of hours."""
