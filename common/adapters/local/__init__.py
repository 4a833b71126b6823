"""One machine: the embedded PostgreSQL server."""
