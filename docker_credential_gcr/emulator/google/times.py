"""Instants as Google's APIs write them."""

from datetime import datetime, timezone


def format_instant(instant: int) -> str:
    """Seconds since the epoch as 2026-01-01T00:00:00Z. https://www.rfc-editor.org/rfc/rfc3339"""
    return datetime.fromtimestamp(instant, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
