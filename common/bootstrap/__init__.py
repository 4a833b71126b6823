"""The composition root: settings become connections, clocks and handlers. One module a function."""

import gc

gc.set_threshold(10_000, 20, 20)
"""What is loaded at the start is no garbage; to look for some after each 700 objects takes a tenth of the start."""
