"""Payloads and files into readings, readings into city-hours; failures are counted, never fatal."""
