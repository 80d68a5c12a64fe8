"""Locations of Artifact Registry, and suggestions for a mistyped one."""

import difflib

from docker_credential_gcr.locations import MULTI_REGIONS, REGIONS

LOCATIONS = MULTI_REGIONS + REGIONS


def explain_location(text: str) -> str | None:
    """Returns an error message with the nearest locations; None if the location exists."""
    if text in LOCATIONS:
        return None
    close = difflib.get_close_matches(text, LOCATIONS) or ["us", "europe", "asia"]
    return f"no such location: {text!r}; did you mean {' or '.join(close)}?"
