"""What the API reads. Answers of many rows are made into JSON by the server: pg8000 decodes slowly.

Text that decides an order is compared by code points (``COLLATE "C"``): databases sort it otherwise each.
"""
