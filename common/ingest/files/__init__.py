"""Files into hourly readings: CPCB's exports, its official AQI tables, and long tables.

Nothing here writes: a file is read whole, or refused whole with a `DataError` that says what to do.
Standard library only, and openpyxl where a workbook is given.
"""
