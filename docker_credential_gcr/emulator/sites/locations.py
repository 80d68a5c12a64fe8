"""Which location a mistyped one was meant to be."""

import difflib

from docker_credential_gcr.locations import MULTI_REGIONS, REGIONS

LOCATIONS = MULTI_REGIONS + REGIONS


def explain_location(text: str) -> str | None:
    """Returns that there is no such location, with the nearest ones; None for one that there is."""
    if text in LOCATIONS:
        return None
    close = difflib.get_close_matches(text, LOCATIONS) or ["us", "europe", "asia"]
    return f"no such location: {text!r}; did you mean {' or '.join(close)}?"
