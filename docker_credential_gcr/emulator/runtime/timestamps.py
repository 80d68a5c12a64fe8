"""Timestamps in RFC 3339's form."""

from datetime import datetime, timezone


def format_instant(instant: int, fraction: str = "") -> str:
    """Formats seconds since the epoch as 2026-01-01T00:00:00Z, with `fraction` before the Z.

    https://www.rfc-editor.org/rfc/rfc3339
    """
    # Not strftime, which writes the year 800 with three digits.
    written = datetime.fromtimestamp(instant, timezone.utc).replace(tzinfo=None).isoformat()
    return f"{written}{fraction}Z"


def format_milliseconds(instant_ms: int, digits: int = 6) -> str:
    """Formats milliseconds since the epoch as 2026-01-01T00:00:00.123000Z, with 3 digits or more."""
    seconds, rest = divmod(instant_ms, 1000)
    return format_instant(seconds, f".{rest:03d}".ljust(digits + 1, "0"))
