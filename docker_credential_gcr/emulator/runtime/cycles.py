"""Python's search for garbage that refers to itself, in a process that serves."""

import gc

# Requests leave next to none; each search interrupts one. https://docs.python.org/3/library/gc.html#gc.set_threshold
_THRESHOLDS = (20_000, 20, 20)


def pause_search() -> None:
    """Search not at all until `search_less`: it takes an eighth of the time in which a server starts."""
    gc.disable()


def search_less() -> None:
    """Search seldom, and never again through what is there now: modules, routes, statements.

    Looking through them took a twentieth of the server's time.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
