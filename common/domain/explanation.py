"""The short form in which a city-hour keeps how its indices came about.

``{"in-naqi": {"pm25": [151, 78.5, 23], …}, "us-epa": {…}, "withheld": {"in-naqi": "…"}}``:
sub-index (or null), the concentration it was taken from (or null), hours present in its window.
"""

from __future__ import annotations
