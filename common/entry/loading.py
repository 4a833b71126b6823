"""Garbage collection while a function is loaded.

What a function imports stays for good, and each collection meanwhile looks through all of it again: a fifth of the CPU
until a new instance answers. So `functions` begins by switching collection off, and whoever makes a handler, which is
the last that a function does before its first event, switches it on, with all that is there counted as permanent.
"""

import gc


def begin() -> None:
    """Collect no garbage until `end`."""
    gc.disable()


def end() -> None:
    """Collect garbage again, if `begin` had it stopped, and never look at what is loaded by now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
