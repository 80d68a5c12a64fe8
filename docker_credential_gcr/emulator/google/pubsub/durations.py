"""Durations in Pub/Sub's messages: their ranges."""

from docker_credential_gcr.emulator.database.pubsub.subscriptions import parse_milliseconds
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument


def check_duration(name: str, duration: str, least_s: int, most_s: int) -> None:
    """Raises InvalidArgument for a duration out of its range."""
    if not least_s * 1000 <= parse_milliseconds(duration) <= most_s * 1000:
        raise InvalidArgument(f"Invalid {name} {duration}: it must be from {least_s}s to {most_s}s.")
