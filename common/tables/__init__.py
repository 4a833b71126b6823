"""Tables of measurements in files: their text, their dates and their numbers, whatever program wrote them.

`vayu import` and `vayu backtest` read through this. What the columns mean is decided there.
"""
