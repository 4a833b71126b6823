"""The archive: what was measured, forecast and scored, as files that outlive any server."""
