"""Files into hourly readings: CPCB's exports, its official AQI tables, and long tables.

Nothing here writes: a file is read whole, or refused whole with a `DataError` that says what to do.
Cells, dates and numbers are read by `common.tables`; what they mean is decided here.
"""
