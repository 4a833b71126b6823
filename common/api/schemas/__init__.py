"""Query parameters, bodies and answers. Their annotations are read by msgspec: keep them real, not text."""
