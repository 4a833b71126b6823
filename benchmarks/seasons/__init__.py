"""Forecasts of seasons that training has not seen, or has seen once: the windows are fixed in windows.csv."""
