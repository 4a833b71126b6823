"""Thin adapters of public packages; each is run in an environment that has the package: docs/conformance.md."""
