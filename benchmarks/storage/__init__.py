"""How the store grows: size, ingest rate and the time of every API query at one year and at five."""
