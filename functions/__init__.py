"""Deployment units: thin entry points, one folder a function, both clouds' handlers bound in ``main.py``."""

from common.entry import loading

loading.begin()
