"""Honest rolling-origin backtests on anybody's hourly data, with production's own features and models."""
